#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a service manager hears of slotctl socket run, and what systemd makes of it.
# guest: test-all
# timeout: 300

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/takeover.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/takeover.sh"
# shellcheck source=tests/support/socket_run.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/socket_run.sh"
# shellcheck source=tests/support/user_systemd.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/user_systemd.sh"

# unit_start NAME [OPTION...]: what its service manager hears is in log/NAME.heard
unit_start() {
	local socket=$BED/run/$1.notify

	notify_start "$socket" "$BED/log/$1.heard"
	export NOTIFY_SOCKET=$socket
	plain_start "$1" workers 2 "${@:2}"
	unset NOTIFY_SOCKET
}

# Units that take turns: each hears what is about itself alone.
test_units_take_turns() {
	local first client

	unit_start turn_a
	first=$BED_SPAWNED
	in_time "a unit that serves says so" 10 says "$BED/log/turn_a.heard" '^STATUS=serving'
	is "after it said that it starts" "$(head -n 1 "$BED/log/turn_a.heard")" 'STATUS=starting'
	spawn client "$BED/log/held" bash -c "exec 3<>/dev/tcp/$TAKEOVER_IP/$TAKEOVER_PORT &&
		printf x >&3 && exec cat <&3"
	client=$BED_SPAWNED
	wait_for 5 says "$BED/log/held" x
	unit_start turn_b
	in_time "one that drains says what is left" 10 \
		says "$BED/log/turn_a.heard" '^STATUS=draining, 1 connection, 0 flows'
	unit_start turn_c --start-timeout 2 --stop-timeout 3
	in_time "one that waits for it says for whom" 10 \
		says "$BED/log/turn_c.heard" "^STATUS=waiting: .* still drains, by process $first "
	matches "and asks for time to start, and to end if it does not" \
		"$(<"$BED/log/turn_c.heard")" 'EXTEND_TIMEOUT_USEC=10000000'
	is "a drain is no end, as it may have to serve again" \
		"$(grep -c STOPPING "$BED/log/turn_a.heard")" 0
	stop "$client"
	in_time "what is told to end is" 10 says "$BED/log/turn_a.heard" '^STOPPING=1'
	ends "and ends, with nothing that a service manager would start it again for" "$first" 0
	matches "though its command failed" "$(<"$BED/log/turn_a")" ': drained; the command ended with status 7'
	in_time "which the one that waits makes use of" 10 says "$BED/log/turn_c.heard" '^READY=1'
	end_runs
}

# What a service manager hears of a reload, and a long connection that ends the drain.
test_reload() {
	local first next

	unit_start reloads --reload-signal USR2 --drain-timeout 1 --stop-timeout 1
	first=$BED_SPAWNED
	in_time "a service manager hears that it is ready" 10 says "$BED/log/reloads.heard" "^MAINPID=$first"
	kill -USR2 "$first"
	in_time "the reload signal starts a successor" 10 says "$BED/log/reloads.heard" '^RELOADING=1'
	in_time "which says that it is the main process" 10 says_another "$first"
	ends "the one before ends when its connections do" "$first" 0
	matches "and says nothing of that, as the unit goes on" \
		"$(grep -E '^(STOPPING|STATUS)' "$BED/log/reloads.heard" | tail -n 1)" '^STATUS=serving'
	next=$(pgrep -x slotctl --ns $$ --nslist mnt)
	matches "who lists processes finds it by the words that were typed" \
		"$(ps -o args= -p "$next")" 'slotctl socket run --chain web .* -- .*plain_echo workers'
	exec {held}< <(in_ns client sh -c "sleep 30 | timeout 30 bash -c 'exec 3<>/dev/tcp/$TAKEOVER_IP/$TAKEOVER_PORT; printf x >&3; cat <&3'")
	plain_start last
	serves last
	in_time "a connection that does not end does not hold it for ever" 15 \
		says "$BED/log/reloads" 'the time to drain is over'
	in_time "nor a command that does not end either" 15 is_gone "$next"
	matches "which is killed" "$(<"$BED/log/reloads")" 'did not end within 1 s; killing it'
	matches "that is told" "$(<"$BED/log/reloads")" ': drained; the command ended with SIGKILL'
	exec {held}<&-
	end_runs
}

# Neither has a chain to come to: the one that serves goes on, the one that starts is given up.
test_detached() {
	local first

	unit_start lonely --reload-signal USR2
	first=$BED_SPAWNED
	in_time "a unit serves" 10 says "$BED/log/lonely.heard" '^READY=1'
	run_start late --workers 2 --start-timeout 3 -- sh -c "echo begun
		until [ -e $BED/detached ]; do sleep 0.1; done
		exec $BED_TOOLS/plain_echo workers $TAKEOVER_IP $TAKEOVER_PORT 2"
	wait_for 5 says "$BED/log/late" '^begun'
	matches "its chain is detached while another one starts, which tells what is to be done" \
		"$(bed_ctl --chain web:sk_reuseport detach 2>&1)" \
		"after the next apply its VIPs have to be added again .*vip add.; servers come back"
	in_time "both tell that there is none" 5 both_lack_chain
	: >"$BED/detached"
	kill -USR2 "$first"
	in_time "a successor that ends for that is told of" 10 \
		says "$BED/log/lonely" 'the successor ended \(status 1\) before it took over; this one serves on'
	in_time "and the unit is ready again" 5 is_ready_again lonely
	ends "the one that starts is given up" "$BED_SPAWNED" 7
	matches "for the chain, and not for its sockets" "$(<"$BED/log/late")" \
		"$LACKS_CHAIN.*; sending SIGTERM to the command"
	is "which is told once, and not at each look" "$(grep -c 'socket run' "$BED/log/late")" 2
	bed_ctl --chain web:sk_reuseport apply && takeover_vip "$TAKEOVER_PORT"
	in_time "the one that serves comes back" 5 says "$BED/log/lonely" ': serving again'
	end_runs
}

LACKS_CHAIN="socket run 'web': .*has no slot"

both_lack_chain() {
	says "$BED/log/lonely" "$LACKS_CHAIN" && says "$BED/log/late" "$LACKS_CHAIN"
}

is_ready_again() {
	[[ $(grep -c '^READY=1' "$BED/log/$1.heard") == 2 ]]
}

says_another() {
	grep -E '^MAINPID=' "$BED/log/reloads.heard" | grep -qvx "MAINPID=$1"
}

# example UNIT [SED...]: as it is installed, but for users, paths and what takes minutes
example() {
	sed -E -e '/^(User|AmbientCapabilities|Slice|ExecStartPre)=/d' \
		-e "/^Type=/a Environment=SOCKETLB_BPFFS=$BED/bpf\\nStandardError=append:$BED/log/units\\nStandardOutput=append:$BED/log/units" \
		"${@:2}" \
		"$BED_ROOT/bpf/socket_lb/examples/$1" >"$BED/xdg/systemd/user/$1"
}

units_of_examples() {
	local dir=$BED/www/units

	mkdir -p "$BED/xdg/systemd/user" "$BED/bin" "$dir"
	head -c 30000000 /dev/zero >"$dir/big"
	nginx_conf "$dir" 2 "$TAKEOVER_IP:$TAKEOVER_PORT reuseport" <<<"root $dir;"
	sed -i -E '/^(pid|daemon)\b/d' "$dir/nginx.conf"
	chmod -R a+rwX "$dir"
	example web@.service \
		-e "s,^ExecStart=[^ ]+,ExecStart=$BED_BIN/slotctl," \
		-e 's,--drain-timeout 120,--drain-timeout 1 --stop-timeout 1,' \
		-e "s,/usr/sbin/nginx -c [^ ]+,$NGINX -e $dir/error.log -p $dir -c $dir/nginx.conf," \
		-e "s,/run/web-,$BED/xdg/web-,"
	cp "$BED_TOOLS/echo_server" "$BED/bin"
	example echo.service \
		-e "s,^ExecStart=.*,ExecStart=$BED/bin/echo_server web 2 $TAKEOVER_IP $TAKEOVER_PORT,"
}

# download RATE: of a file that takes a while. Its process is $BED_SPAWNED.
download() {
	: >"$BED/log/download"
	spawn client "$BED/log/download" curl -fsS --noproxy '*' --limit-rate "$1" \
		-o "$BED/run/downloaded" "http://$TAKEOVER_IP:$TAKEOVER_PORT/big"
	wait_for 5 test -s "$BED/run/downloaded"
}

# The drain's time is over before the download is, and nginx is killed.
units_deploy() {
	local client

	succeeds "web@a starts" user_ctl start web@a
	download 100k
	client=$BED_SPAWNED
	succeeds "web@b takes over" user_ctl start web@b
	in_time "web@a ends when its time to drain is over" 15 user_unit_is web@a ActiveState inactive
	is "with success, and is not started again" \
		"$(user_unit web@a Result) $(user_unit web@a NRestarts)" "success 0"
	is "web@b serves on" "$(user_unit web@b ActiveState) $(user_unit web@b StatusText)" "active serving"
	stop "$client" KILL
}

units_stop() {
	local client

	rm -f "$BED/run/downloaded"
	download 10M
	client=$BED_SPAWNED
	succeeds "web@b is stopped" user_ctl stop web@b
	ends "a download that was under way is not cut off" "$client" 0
	is "nor the unit failed" "$(user_unit web@b Result)" success
}

units_failed_reload() {
	succeeds "a server of the library's starts" user_ctl start echo
	mv "$BED/bin/echo_server" "$BED/bin/gone"
	user_ctl reload echo
	in_time "its reload fails" 10 says "$BED/log/units" 'echo_server: .*: No such file'
	in_time "and the unit is no longer reloading" 10 user_unit_is echo ActiveState active
	succeeds "it is stopped" user_ctl stop echo
}

# The examples, by a real systemd.
test_examples() {
	mkdir -p "$BED/xdg"
	units_of_examples
	user_systemd || {
		skip "the examples of units run" "no systemd --user starts here: $(tail -n 1 "$BED/log/systemd" 2>&1)"
		return
	}
	units_deploy
	units_stop
	units_failed_reload
}

only_in_vm reload
takeover_run
