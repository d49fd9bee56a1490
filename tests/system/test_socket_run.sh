#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# slotctl socket run: servers that know nothing of socket_lb (plain_echo, nginx) are restarted
# under load; they and what runs them fail at any moment.
# guest: test-all
# timeout: 600

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/takeover.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/takeover.sh"
# shellcheck source=tests/support/socket_run.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/socket_run.sh"

test_restarts() {
	local kind before

	plain_start first
	before=$BED_SPAWNED
	serves first || bail "a wrapped server serves" "$(<"$BED/log/first")"
	load_start plain
	for kind in workers master daemon alike; do
		plain_start "$kind" "${kind/alike/workers}"
		in_time "a server whose sockets are of kind '$kind' takes over" 15 \
			says "$BED/log/$kind" ': serving, with 4 sockets'
		ends "the one before drains and ends in peace, whatever its command does" "$before" 0
		before=$BED_SPAWNED
	done
	is "no request fails, is misrouted or reset" "$(load_end plain)" "0 0 0"
	is "each server had requests" "$(jq .servers "$BED/log/load.plain")" 5
	end_runs
}

test_failed_start() {
	local old status

	plain_start old
	old=$BED_SPAWNED
	serves old
	load_start failed
	run_start bad -- sh -c 'exit 3'
	ends "a new server that ends before it serves gives its status" "$BED_SPAWNED" 3
	matches "and one line about it" "$(<"$BED/log/bad")" \
		"^slotctl: socket run 'web': the command ended with status 3 before it served"
	run_start content -- true
	ends "one that is content with that is a failure, too" "$BED_SPAWNED" 1
	run_start none -- /nowhere/server
	ends "what cannot be run is a failure" "$BED_SPAWNED" 1
	matches "that is told" "$(<"$BED/log/none")" "cannot run '/nowhere/server': No such file"
	plain_start slow workers 2 --workers 3 --start-timeout 1
	ends "a new server without the sockets that were expected is given up" \
		"$BED_SPAWNED" 7
	matches "and told what is missing" "$(<"$BED/log/slow")" \
		'expected 3 sockets with SO_REUSEPORT at (tcp|udp)/192.0.2.1:7443, found 2; sending SIGTERM to the command'
	run_start stuck --start-timeout 1 --stop-timeout 1 -- \
		sh -c 'trap "" TERM; sleep 600 & echo "$!"; wait'
	ends "one that does not end then is killed" "$BED_SPAWNED" 137
	in_time "with all that it started" 5 is_gone "$(grep -xE '[0-9]+' "$BED/log/stuck")"
	plain_start killed workers 2 --workers 3
	wait_for 5 has_command "$BED_SPAWNED"
	stop "$BED_SPAWNED" KILL
	is "the old server goes on through all of this" "$(ask_once "$TAKEOVER_PORT")" \
		"$(command_of "$old")"
	plain_start next
	in_time "the one that was killed leaves its place, though its command lives" 10 \
		says "$BED/log/next" ': serving'
	is "nobody noticed" "$(load_end failed)" "0 0 0"
	end_runs
}

has_command() {
	[[ $(command_of "$1") ]]
}

# Nothing would come of these starts, so the command is not started.
test_no_vip() {
	local other=tcp/$TAKEOVER_IP:7444 vip
	local advice="slotctl --chain web:sk_reuseport socket_lb vip add"

	is "a VIP that is none of the chain's is refused" "$(bad_start --vip "$other")" \
		"slotctl: $other is no VIP of chain 'web': $advice $other tcp; 'echo' is not started status 1"
	for vip in tcp udp; do
		as_nobody socket_lb vip del "$vip/$TAKEOVER_IP:$TAKEOVER_PORT"
	done
	is "so is a chain that has no VIP" "$(bad_start)" \
		"slotctl: chain 'web' has no VIP: $advice tcp/ADDRESS:PORT tcp; 'echo' is not started status 1"
	takeover_vip "$TAKEOVER_PORT"
}

# bad_start [OPTION...]: what is said of it, on one line
bad_start() {
	local said status=0

	said=$(as_nobody socket run --chain web "$@" -- echo started 2>&1) || status=$?
	echo "$said status $status"
}

# The commonest mistake: the server is bound to something else than the VIP is.
test_elsewhere() {
	run_start elsewhere --start-timeout 1 -- "$BED_TOOLS/plain_echo" workers "$TAKEOVER_IP" 7444 1
	ends "a server that is not at a VIP is given up" "$BED_SPAWNED" 7
	matches "and told where it is instead" "$(<"$BED/log/elsewhere")" \
		"expected 1 socket with SO_REUSEPORT at a VIP of the chain, found 0; process [0-9]+ listens at tcp/$TAKEOVER_IP:7444, which is no VIP; process [0-9]+ is bound to udp/$TAKEOVER_IP:7444, which is no VIP; sending SIGTERM"
	run_start wanted --start-timeout 1 --vip "udp/$TAKEOVER_IP:$TAKEOVER_PORT" -- \
		"$BED_TOOLS/plain_echo" workers "$TAKEOVER_IP" 7444 1
	ends "so is one at none of those that were asked for" "$BED_SPAWNED" 7
	matches "by the VIP's name" "$(<"$BED/log/wanted")" \
		"at udp/$TAKEOVER_IP:$TAKEOVER_PORT, found 0; process [0-9]+ listens at .* no VIP that was asked for"
}

# others_start COUNT: another process of the same user, with so many sockets at the VIP
others_start() {
	spawn edge "$BED/log/others" python3 -c '
import os, pwd, socket, sys, time
os.setuid(pwd.getpwnam("nobody").pw_uid)
kept = []
for i in range(int(sys.argv[1])):
    kept.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    kept[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept[-1].bind((sys.argv[2], int(sys.argv[3])))
print("there", flush=True)
time.sleep(600)' "$1" "$TAKEOVER_IP" "$TAKEOVER_PORT"
}

test_many_others() {
	local others

	others_start 1100
	others=$BED_SPAWNED
	wait_for 10 says "$BED/log/others" there || bail "another process has sockets"
	plain_start among
	in_time "others' sockets at a VIP are in nobody's way, however many" 15 \
		says "$BED/log/among" ': serving, with 4 sockets'
	stop "$others"
	end_runs
}

# Its ids would be taken for those of one that writes its process bit.
test_quic() {
	local vip=udp/$TAKEOVER_IP:$TAKEOVER_PORT

	plain_start by_flow
	serves by_flow
	is "nothing is said of a server at VIPs without connection ids" \
		"$(grep -c warning "$BED/log/by_flow")" 0
	end_runs
	as_nobody socket_lb vip set "$vip" quic
	plain_start by_id
	in_time "a server at a VIP of mode quic is warned of" 10 says "$BED/log/by_id" \
		": warning: $vip is of mode quic, .*: slotctl socket_lb vip set $vip flow$"
	is "once" "$(grep -c warning "$BED/log/by_id")" 1
	as_nobody socket_lb vip set "$vip" flow "memory=$TAKEOVER_MEMORY"
	end_runs
}

test_no_reuseport() {
	plain_start alone alone 1 --start-timeout 1
	ends "a server without SO_REUSEPORT is given up" "$BED_SPAWNED" 7
	matches "and told why" "$(<"$BED/log/alone")" \
		'the socket of process [0-9]+ at (tcp|udp)/192.0.2.1:7443 is left alone: it has no SO_REUSEPORT'
	end_runs
}

test_deaths() {
	local run command worker after

	plain_start watched
	run=$BED_SPAWNED
	serves watched
	command=$(command_of "$run")
	worker=$(pgrep -P "$command" | head -n 1)
	kill -KILL "$worker"
	in_time "a worker's successor has its sockets registered" 10 \
		has_successor "$command" "$worker"
	stop "$run" KILL
	is "a server serves on without what ran it" "$(ask_once "$TAKEOVER_PORT")" "$command"
	plain_start after
	in_time "and is taken over from" 15 says "$BED/log/after" ': serving'
	after=$BED_SPAWNED
	plain_start late workers 2 --drain-timeout 1 --start-timeout 1
	ends "who waits for a server that nobody tells to drain gives up" "$BED_SPAWNED" 7
	matches "and names it" "$(<"$BED/log/late")" "still drains, by process $run "
	matches "and what to do" "$(<"$BED/log/late")" 'no instance came free in time: .*socket_lb free'
	kill -TERM "$command"
	kill -KILL "$(command_of "$after")"
	ends "a command that is killed ends what ran it" "$after" 137
	end_runs
	wait_for 10 is_gone "$command"
}

# has_successor COMMAND WORKER: another worker is there, and all sockets are registered
has_successor() {
	is_gone "$2" && [[ $(pgrep -cP "$1") == 2 ]] && are_registered 4
}

# are_registered COUNT: sockets, at all VIPs
are_registered() {
	[[ $(bed_ctl socket_lb instances --json | jq '.instances | map(.sockets) | add') == "$1" ]]
}

test_new_maps() {
	local one two three

	plain_start elder
	one=$BED_SPAWNED
	serves elder
	hold "$(command_of "$one")" || bail "a server has a connection"
	plain_start younger workers 2 --vip "tcp/$TAKEOVER_IP:$TAKEOVER_PORT" \
		--vip "udp/$TAKEOVER_IP:$TAKEOVER_PORT"
	two=$BED_SPAWNED
	serves younger
	in_time "one drains, one serves" 5 says "$BED/log/elder" ': a newer instance serves'
	succeeds "a chain is detached and applied, which makes its maps anew" renew_chain
	in_time "the one that serves comes back into them" 5 says "$BED/log/younger" ': serving again'
	in_time "with all of its sockets" 5 are_registered 4
	is "what is new is its own" "$(served_by 8)" "$(command_of "$two")"
	stop "$TAKEOVER_HOLD" KILL
	ends "the one that drains ends with its connection" "$one" 0
	plain_start last
	three=$BED_SPAWNED
	serves last
	ends "a restart goes as before" "$two" 0
	is "with all that is new" "$(served_by 8)" "$(command_of "$three")"
	end_runs
}

test_signals() {
	local run

	# without a word of how many sockets there will be
	run_start signals -- "$BED_TOOLS/plain_echo" workers "$TAKEOVER_IP" "$TAKEOVER_PORT" 2
	run=$BED_SPAWNED
	serves signals
	kill -HUP "$run"
	in_time "signals go on to the command" 5 says "$BED/log/signals" '^hup'
	kill -TERM "$run"
	ends "it ends as the command does" "$run" 7
	spawn_nobody "$BED/log/mask" env --block-signal=URG "$BED_BIN/slotctl" socket run --chain web \
		-- grep -h SigBlk /proc/self/status /nowhere
	ends "what does not serve ends" "$BED_SPAWNED" 2
	matches "signals that were blocked before are blocked in it, and no others" \
		"$(<"$BED/log/mask")" 'SigBlk:[[:space:]]0000000000400000'
}

test_signal_names() {
	local word

	for word in 3x QUITE 0 KILL 65 RTMIN+31 RTMIN+; do
		matches "'$word' is no signal to stop by" \
			"$(bed_ctl socket run --chain none --stop-signal "$word" -- true 2>&1)" \
			"--stop-signal '${word/+/[+]}': expected the name of a signal"
	done
	for word in 3 quit SIGQUIT RTMIN+2 40; do
		matches "'$word' is one" \
			"$(bed_ctl socket run --chain none --stop-signal "$word" -- true 2>&1)" \
			"'true' is not started"
	done
	for word in TERM INT QUIT; do
		is "SIG$word is no signal to reload by" "$(bad_start --reload-signal "$word")" \
			"slotctl: --reload-signal SIG$word: TERM, INT and QUIT end the command status 2"
	done
	is "nor is the one to stop by" "$(bad_start --stop-signal USR2 --reload-signal 12)" \
		"slotctl: --reload-signal SIGUSR2: the command is told to end by that one status 2"
}

test_words() {
	local word

	for word in 1d 5mm m -1 1000001 300h; do
		is "'$word' is no time" "$(bad_start --drain-timeout "$word")" \
			"slotctl: --drain-timeout '$word': a time like 30s or 5m expected, at most 1000000s status 2"
	done
	is "a VIP that is none is refused as a word" "$(bad_start --vip tcp/0.0.0.0 | sed 's/:.*status/ status/')" \
		"slotctl status 2"
	is "so is an option that is none" "$(bad_start --nosuch)" \
		"slotctl: socket run: unknown option '--nosuch'; see --help status 2"
	is "and one without its value" \
		"$(as_nobody socket run --chain web --workers 2>&1)" \
		"slotctl: socket run: nothing follows '--workers'; see --help"
	is "nor is the next option one" "$(as_nobody socket run --vip --workers 2 -- true 2>&1)" \
		"slotctl: socket run: nothing follows '--vip'; see --help"
	is "or the end of them" "$(as_nobody socket run --chain web --vip -- true 2>&1)" \
		"slotctl: socket run: nothing follows '--vip'; see --help"
	is "all the chain's names will do, and times as people say them" "$(
		as_nobody --chain web:sk_reuseport socket_lb run --drain-timeout 5m \
			--start-timeout 1h --stop-timeout 30s --vip "tcp/$TAKEOVER_IP:1" -- true 2>&1
	)" "slotctl: tcp/$TAKEOVER_IP:1 is no VIP of chain 'web:sk_reuseport': slotctl --chain web:sk_reuseport socket_lb vip add tcp/$TAKEOVER_IP:1 tcp; 'true' is not started"
	matches "a chain at another hook is none for it" \
		"$(as_nobody --chain web:sk_lookup socket run -- true 2>&1)" \
		": expected TITLE or TITLE:sk_reuseport; 'true' is not started$"
	matches "the only chain needs no name" "$(as_nobody socket run -- true 2>&1 | tail -n 1)" \
		"^slotctl: socket run 'web': the command ended with status 0 before it served"
	run_start two -- sh -c 'exit 2'
	ends "what a command ends with is told as it is" "$BED_SPAWNED" 2
	is "without a word on usage" "$(grep -c usage "$BED/log/two")" 0
}

# What a successor ran belongs to it alone, whatever becomes of it.
test_successor_dies() {
	local old next client command

	echo 2 >"$BED/workers"
	run_start dies --workers 2 --reload-signal USR2 -- sh -c \
		"exec $BED_TOOLS/plain_echo daemon $TAKEOVER_IP $TAKEOVER_PORT \$(cat $BED/workers)"
	old=$BED_SPAWNED
	serves dies
	echo 1 >"$BED/workers"
	next=$(successor_of "$old")
	wait_for 10 has_command "$next"
	kill -KILL "$next"
	in_time "a successor that dies before it took over is told of" 10 \
		says "$BED/log/dies" 'the successor ended \(SIGKILL\) before it took over; this one serves on'
	in_time "and its command is ended" 10 has_one_command
	is "the one before serves on" "$(ask_once "$TAKEOVER_PORT")" "$(command_of "$old")"
	echo 2 >"$BED/workers"
	spawn client "$BED/log/held" bash -c "exec 3<>/dev/tcp/$TAKEOVER_IP/$TAKEOVER_PORT &&
		printf x >&3 && exec cat <&3"
	client=$BED_SPAWNED
	wait_for 5 says "$BED/log/held" x
	next=$(successor_of "$old")
	in_time "the next one takes over" 10 says "$BED/log/dies" 'a newer instance serves; draining'
	command=$(command_of "$next")
	kill -KILL "$next"
	stop "$client"
	ends "the one before ends when its connections do, though it has the other's command" "$old" 0
	is "which serves on" "$(ask_once "$TAKEOVER_PORT")" "$command"
	end_runs
}

# successor_of RUN: start it. Its number.
successor_of() {
	kill -USR2 "$1"
	wait_for 5 pgrep -P "$1" -x slotctl >/dev/null
	pgrep -P "$1" -x slotctl
}

has_one_command() {
	[[ $(pgrep -x plain_echo --ns $$ --nslist mnt -a | wc -l) == 3 ]]
}

# nginx_run NAME: the master opens a socket for each of its workers
nginx_run() {
	local dir=$BED/www/$1

	mkdir -p "$dir" && echo "$1" >"$dir/index.html" && chmod -R a+rwX "$dir"
	nginx_conf "$dir" 2 "$TAKEOVER_IP:$TAKEOVER_PORT reuseport" <<<"root $dir;"
	run_start "$1" --stop-signal QUIT --workers 2 -- "$NGINX" -p "$dir" -c "$dir/nginx.conf" \
		-e "$dir/error.log"
}

# Each request by a connection of its own, until the file is gone. Prints those that failed.
ask_nginx() {
	while [[ -e $BED/asking ]]; do
		in_ns client curl -fsS --noproxy '*' -m $((3 * TAP_SCALE)) \
			"http://$TAKEOVER_IP:$TAKEOVER_PORT/" || echo failed
	done >"$BED/log/asked" 2>&1
}

test_nginx() {
	local name before='' asking

	for name in one two three four; do
		nginx_run "$name"
		in_time "nginx '$name' takes over with a socket for each worker" 15 \
			says "$BED/log/$name" ': serving, with 2 sockets'
		if [[ $before ]]; then
			ends "the one before ends in peace" "$before" 0
		else
			: >"$BED/asking"
			ask_nginx &
			asking=$!
		fi
		before=$BED_SPAWNED
		in_time "nginx '$name' answers" 10 says "$BED/log/asked" "^$name\$"
	done
	rm "$BED/asking"
	wait "$asking"
	is "no request of nginx fails" "$(grep -cvE '^(one|two|three|four)$' "$BED/log/asked")" 0
	end_runs
}

# What a new user may take for served.
test_what_is_not_served() {
	local tcp=tcp/$TAKEOVER_IP:$TAKEOVER_PORT udp=udp/$TAKEOVER_IP:$TAKEOVER_PORT

	plain_start both
	serves both
	matches "VIPs that are served are named" "$(<"$BED/log/both")" \
		": serving, with 4 sockets at (tcp|udp)/$TAKEOVER_IP:$TAKEOVER_PORT, (tcp|udp)/$TAKEOVER_IP:$TAKEOVER_PORT"
	is "and nothing else is said" "$(grep -c 'socket run' "$BED/log/both")" 1
	plain_start less workers 2 --vip "$tcp"
	serves less
	in_time "a VIP that only the one before serves is told" 5 says "$BED/log/less" \
		"'web': $udp was served by the one before and not by this one: refused from its end on"
	end_runs
	as_nobody socket_lb vip del "$udp" force
	plain_start part
	serves part
	in_time "sockets at an address that is no VIP are told" 5 says "$BED/log/part" \
		"'web': 2 sockets at $udp: no VIP of 'web', so restarts lose connections there"
	end_runs
	takeover_vip "$TAKEOVER_PORT"
}

# Not a server of socket_lb's: who was there first may be any.
test_another_user() {
	spawn edge "$BED/log/roots" "$BED_TOOLS/plain_echo" workers "$TAKEOVER_IP" "$TAKEOVER_PORT" 1
	wait_for 5 ask_once "$TAKEOVER_PORT"
	plain_start refused workers 1
	ends "a server beside another user's cannot bind" "$BED_SPAWNED" 1
	matches "and its end names whose they are" "$(<"$BED/log/refused")" \
		"before it served: nothing was taken over; what serves (tcp|udp)/$TAKEOVER_IP:$TAKEOVER_PORT is user 0's, this is user $(id -u nobody).s: all that share"
	end_runs
}

# unit_vips: what the examples' units run before their servers, without a slotd
unit_vips() {
	local line words

	while read -r line; do
		read -ra words <<<"${line//\/sys\/fs\/bpf\/slotd\/sk_reuseport\/web\/maps\/socket_lb/$BED\/bpf\/slotd\/sk_reuseport\/web\/maps\/balance}"
		bed_ctl_as nobody nogroup --socket /nowhere "${words[@]:1}" 2>&1
	done < <(grep -h '^ExecStartPre=' "$BED_ROOT"/bpf/socket_lb/examples/*.service)
}

test_units() {
	local dir=$BED/units unit

	is "units say their VIPs in words that ask no slotd" "$(unit_vips)" ""
	is "and that make them" "$(bed_ctl socket_lb vip show --json |
		jq -c '[.vips[].vip | select(contains("0.0.0.0"))] | sort')" \
		'["tcp/0.0.0.0:7777","tcp/0.0.0.0:80","udp/0.0.0.0:7777"]'
	as_nobody socket_lb vip del tcp/0.0.0.0:7777 tcp/0.0.0.0:80 udp/0.0.0.0:7777
	command -v systemd-analyze >/dev/null || {
		skip "the examples of units are sound" "there is no systemd-analyze"
		return
	}
	mkdir "$dir"
	for unit in "$BED_ROOT"/loader/slotd/*.service "$BED_ROOT"/bpf/*/examples/*.{service,slice}; do
		sed -E 's,^(Exec[A-Za-z]+=[-+]*)[^ ]+,\1/bin/true,' "$unit" >"$dir/${unit##*/}"
	done
	mv "$dir/web@.service" "$dir/web@a.service"
	is "the examples of units are sound" "$(systemd-analyze verify --man=no "$dir"/* 2>&1)" ""
}

only_in_vm restarts deaths nginx
takeover_run
