#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 900
#
# The checker of the load balancer's reals, run by the owner of its slots with one capability:
# probes to the VIPs through lb_hc's tunnels, reals that die, hang, flap and come back, and
# clients that notice nothing of it afterwards.

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(edge r1 r2 r3) REALS=(r1 r2 r3)
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lb.sh"

VIP=tcp/$VIP4:80
VIP_6=tcp/[$VIP6]:80
ASKED=30
INTERVAL=400 TIMEOUT=300
[[ ${SLOTD_TIER:-} != vm ]] || INTERVAL=3000 TIMEOUT=2500
FALL=3
RISE=2
STARTED=0
LOG=
SET_UP=

start_real() {
	host_fresh "$1" <<-'END'
		slot 12 { name = "decap" object = "decap.bpf.o" }
	END
	host_ctl "$1" decap addr add "$(host4 "$1")" "$(host6 "$1")" >/dev/null ||
		bail "tunnels to $1 end there"
	[[ -n ${HOST_NGINX[$1]:-} ]] || host_nginx "$1"
}

edge_ctl() {
	host_ctl edge --chain "$@"
}

# Newer kernels have a chain for lb_hc, on older ones it is attached by hand: both are ways to have it.
start_lb_hc() {
	HC_DIR=$(edge_ctl eth0:tc-egress slots --json 2>/dev/null |
		jq -r '.slots[] | select(.name == "lb_hc") | .map_dir')
	[[ -z $HC_DIR ]] || return 0
	HC_DIR=$BED/bpf/lb_hc_maps
	[[ ! -e $HC_DIR ]] || return 0
	bpftool prog load "$BED_OBJECTS/lb_hc.bpf.o" "$BED/bpf/lb_hc" pinmaps "$HC_DIR" &&
		chmod o+x "$BED/bpf" && chown -R nobody "$HC_DIR" &&
		in_ns edge tc qdisc add dev eth0 clsact &&
		in_ns edge tc filter add dev eth0 egress bpf direct-action \
			object-pinned "$BED/bpf/lb_hc"
}

start_edge() {
	host_fresh edge < <(
		echo 'slot 8 { name = "lb" owner = "nobody" object = "lb.bpf.o" }'
		! has_tcx || cat <<-'END'
			}
			chain "eth0" {
				hook = "tc-egress"
				slot 4 { name = "lb_hc" owner = "nobody" object = "lb_hc.bpf.o" }
		END
	)
	chmod o+x "$BED/hosts" "$BED/hosts/edge" "$BED/hosts/edge/bpf"
	LB_DIR=$(edge_ctl eth0 slots --json | jq -r '.slots[] | select(.name == "lb") | .map_dir')
	start_lb_hc || bail "lb_hc is at the edge's egress"
	owner lb_hc --map-dir "$HC_DIR" set source "$(host4 edge)" source "$(host6 edge)" ||
		bail "lb_hc has sources"
	lb set gateway="$(mac_of router br0)" source4="$(host4 edge)" source6="$(host6 edge)" ||
		bail "the load balancer has a gateway"
	lead_vips edge
}

# owner WORD...: slotctl as who owns the slots, without any capability
owner() {
	in_ns edge setpriv --reuid nobody --regid nogroup --clear-groups \
		--inh-caps=-all "$BED_BIN/slotctl" "$@"
}

lb() {
	owner lb --map-dir "$LB_DIR" "$@"
}

# The check, as that owner, with the right to mark packets and no other.
checker() {
	CHECK=(setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps="-all,+net_raw"
		--ambient-caps="-all,+net_raw" --bounding-set="-all,+net_raw"
		"$BED_BIN/slotctl" lb --map-dir "$LB_DIR" check "$@" "$BED/check.conf")
}

start_checker() {
	LOG=$BED/log/check.$((++STARTED))
	checker
	spawn edge "$LOG" "${CHECK[@]}"
	CHECKER=$BED_SPAWNED
	TRAFFIC+=("$CHECKER")
	wait_for 10 grep -q 'reals are checked' "$LOG" || bail "the checker starts" "$(cat "$LOG")"
}

once() {
	checker --once "$@"
	in_ns edge "${CHECK[@]}"
}

# A chain for lb_hc is found by itself, though the owner may not list the chains.
name_lb_hc() {
	if has_tcx; then
		echo "# lb_hc is at the TC egress of lb's interface"
	else
		echo "lb_hc $HC_DIR"
	fi
}

write_conf() {
	cat >"$BED/check.conf" <<-END
		$(name_lb_hc)
		source $(host4 edge)   # the same that the host would choose
		check default http interval=${INTERVAL}ms timeout=${TIMEOUT}ms fall=$FALL rise=$RISE ${1:-}
		check $VIP_6 tcp interval=${INTERVAL}ms timeout=${TIMEOUT}ms fall=$FALL rise=$RISE
	END
}

setup() {
	local host

	if [[ $SET_UP != "$BED_ENGINE" ]]; then
		for host in "${REALS[@]}"; do
			start_real "$host"
		done
		start_edge
		SET_UP=$BED_ENGINE
		lb vip add "$VIP" && lb vip add "$VIP_6" table=transitions || bail "there are VIPs"
		for host in "${REALS[@]}"; do
			lb real add "$VIP" "$(host4 "$host")" &&
				lb real add "$VIP_6" "$(host6 "$host")" || bail "there are reals"
		done
	fi
	for host in "${REALS[@]}"; do
		[[ -n ${HOST_NGINX[$host]} ]] || host_nginx "$host"
	done
	write_conf
	start_checker
	wait_for 20 all_are active || bail "all reals are in" "$(lb real list)" "$(cat "$LOG")"
}

# state VIP HOST
state() {
	local address=host4

	[[ $1 != "$VIP_6" ]] || address=host6
	lb real list "$1" --json | jq -r --arg real "$("$address" "$2")" \
		'.reals[] | select(.real == $real) | .state'
}

is_state() {
	[[ $(state "$1" "$2") == "$3" ]]
}

all_are() {
	[[ $(lb real list --json | jq -r '[.reals[].state] | unique | join(" ")') == "$1" ]]
}

count_state() {
	lb real list "$VIP" --json | jq --arg state "$1" '[.reals[] | select(.state == $state)] | length'
}

is_count() {
	[[ $(count_state "$1") == "$2" ]]
}

has_said() {
	grep -qE "$1" "$LOG"
}

has_said_twice() {
	[[ $(grep -cE "$1" "$LOG") -ge 2 ]]
}

# says SENTENCE PATTERN: within a moment
says() {
	wait_for 20 has_said "$2"
	matches "$1" "$(grep -E "$2" "$LOG" || tail -n 20 "$LOG")" "$2"
}

# signal_nginx SIGNAL HOST: the master and its worker, which would go on without it
signal_nginx() {
	local master=${HOST_NGINX[$2]} workers

	mapfile -t workers < <(pgrep -P "$master")
	kill -"$1" "$master" "${workers[@]}"
}

host_die() {
	disown "${HOST_NGINX[$1]}"
	signal_nginx KILL "$1"
	wait_for 10 is_gone "${HOST_NGINX[$1]}"
	HOST_NGINX[$1]=
}

# served SENTENCE HOST...: by these and no others, and each connection is answered
served() {
	local names

	names=$(ask_http "$ASKED" "$VIP4")
	is "$1" "$(wc -l <<<"$names") of $(sort -u <<<"$names" | tr '\n' ' ')" "$ASKED of ${*:2} "
}

test_a_dead_real_goes_out_and_comes_back() {
	served "all reals serve" r1 r2 r3
	host_die r1
	wait_for 20 is_state "$VIP" r1 failed
	is "the real that died is out" "$(state "$VIP" r1)" failed
	served "no request of clients fails from then on" r2 r3
	wait_for 20 is_state "$VIP_6" r1 failed
	is "it is out of the other VIP, which is checked by TCP" "$(state "$VIP_6" r1)" failed
	says "it is said why" \
		"^$VIP: $(host4 r1) is out: connect: Connection refused, $FALL times since .* 2 of 3 are in"
	host_nginx r1
	wait_for 20 all_are active
	says "it comes in after $RISE answers" \
		"^$VIP: $(host4 r1) is in: answered [0-9]+ times since .* 3 of 3 are in"
	served "and serves again" r1 r2 r3
}

test_a_real_that_hangs_and_flaps() {
	signal_nginx STOP r1
	wait_for 20 is_state "$VIP" r1 failed
	says "a real that hangs is out" "$(host4 r1) is out: no answer within $TIMEOUT ms"
	is "while its connections come to be, so that TCP is content" "$(state "$VIP_6" r1)" active
	served "clients do without it" r2 r3
	signal_nginx CONT r1
	says "it comes back" "$(host4 r1) is in: answered [0-9]+ times"
	signal_nginx STOP r1
	wait_for 20 is_state "$VIP" r1 failed
	signal_nginx CONT r1
	says "a real that flaps has to answer twice as often" \
		"$(host4 r1) is in: answered ([4-9]|1[0-9]) times"
}

test_a_status_that_is_not_expected() {
	stop "$CHECKER"
	write_conf path=/gone
	start_checker
	says "it is a failure" "is out: status 404, expected 200 to 399"
	says "where it is of all reals, the last of them stays in" \
		"^$VIP: .* FAILS BUT STAYS IN: status 404.* 1 of 3 are in.*min-up=50%"
	write_conf
	kill -HUP "$CHECKER"
	says "the file is read again" "check.conf was read again: 6 reals are checked"
	wait_for 20 all_are active
	is "and the reals come in" "$(count_state active)" 3
	echo "check default ftp" >>"$BED/check.conf"
	kill -HUP "$CHECKER"
	says "a file that is wrong changes nothing" \
		"check.conf: line 5: .*tcp.*http.*; the checks stay as they were"
}

test_all_reals_die() {
	local host

	for host in "${REALS[@]}"; do
		host_die "$host"
	done
	says "the last one is not taken out" "^$VIP: .* FAILS BUT STAYS IN: connect"
	is "two of three are" "$(count_state failed)" 2
	for host in "${REALS[@]}"; do
		host_nginx "$host"
	done
	wait_for 40 all_are active
	says "what stayed in answers again" "^$VIP: .* answers again"
	served "all reals serve again" r1 r2 r3
}

test_the_checker_is_killed() {
	host_die r3
	wait_for 20 is_state "$VIP" r3 failed
	wait_for 20 is_state "$VIP_6" r3 failed
	stop "$CHECKER" KILL
	is "what is out stays out without it" "$(state "$VIP" r3)" failed
	served "and clients are served" r1 r2
	start_checker
	says "another one knows" "6 reals are checked, 2 of them are out"
	host_nginx r3
	wait_for 20 all_are active
	is "and brings it in" "$(state "$VIP" r3)" active
	stop "$CHECKER" TERM
	says "told to end, it leaves all as it is" "what is out stays out"
}

test_what_an_operator_took_out() {
	lb real drain "$VIP" "$(host4 r2)"
	lb real down "$VIP" "$(host4 r3)"
	host_die r2
	host_die r3
	wait_for 20 is_state "$VIP" r2 failed
	says "a drained real that dies is out" "$(host4 r2) is out: .*an operator has it drained"
	says "one that is down is left so" "$(host4 r3) fails: .*an operator has it down, and so it stays"
	served "the third serves" r1
	host_nginx r2
	host_nginx r3
	wait_for 20 is_state "$VIP" r2 drained
	says "it answers again" "^$VIP: $(host4 r3) answers again"
	is "the one that was drained is still drained" "$(state "$VIP" r2)" drained
	is "the other is still down" "$(state "$VIP" r3)" down
	lb real undrain "$VIP" "$(host4 r2)"
	lb real up "$VIP" "$(host4 r3)"
	served "until the operator brings them in" r1 r2 r3
}

# Without lb_hc a probe asks whoever the VIP leads to, and a dead real would look alive.
test_lb_hc_does_not_send() {
	has_tcx || {
		skip "lb_hc is disabled" "it is attached by hand on this kernel"
		return
	}
	edge_ctl eth0:tc-egress disable lb_hc >/dev/null
	host_die r1
	says "it is said that nothing is judged" "^lb_hc has sent none of the last probes"
	is "nobody is taken out" "$(count_state active)" 3
	edge_ctl eth0:tc-egress enable lb_hc >/dev/null
	wait_for 20 is_state "$VIP" r1 failed
	is "until it sends again" "$(state "$VIP" r1)" failed
	says "which is said" "^no longer: lb_hc has sent none"
	host_nginx r1
	wait_for 20 all_are active
	edge_ctl eth0:tc-egress detach >/dev/null
	host_die r1
	wait_for 20 has_said_twice '^lb_hc has sent none'
	is "the same where it is gone with its chain" "$(count_state active)" 3
	edge_ctl eth0:tc-egress apply >/dev/null
	owner lb_hc --map-dir "$HC_DIR" set source "$(host4 edge)" source "$(host6 edge)"
	wait_for 20 is_state "$VIP" r1 failed
	is "until the chain is back" "$(state "$VIP" r1)" failed
}

test_other_commands_meanwhile() {
	local i refused=0

	host_die r1
	for ((i = 1; i <= 20; i++)); do
		lb real weight "$VIP" "$(host4 r2)" "$i" || refused=$((refused + 1))
	done
	wait_for 20 is_state "$VIP" r1 failed
	is "commands and the checker do not disturb each other" "$refused" 0
	is "what was told last counts" "$(lb real list "$VIP" --json |
		jq --arg real "$(host4 r2)" '.reals[] | select(.real == $real) | .weight')" 20
	lb dump >"$BED/dump.json"
	lb restore "$BED/dump.json"
	is "a restored file brings no dead real in" "$(state "$VIP" r1)" failed
	lb real weight "$VIP" "$(host4 r2)" 1
}

# They have not the VIP, and no tunnel leads to them. What they answer is the host's own only
# where it goes to source4, so the file's source cannot be theirs.
test_rewritten_reals_are_asked_at_their_own_address() {
	local vip=tcp/203.0.113.81:80

	in_ns edge ip address add 198.51.100.9/24 dev eth0
	lb vip add "$vip" encap=rewrite
	lb real add "$vip" "$(host4 r1)" mac="$(mac_of r1 eth0)"
	lb real add "$vip" "$(host4 r2)" mac="$(mac_of r2 eth0)"
	sed -i 's/^source .*/source 198.51.100.9/' "$BED/check.conf"
	kill -HUP "$CHECKER"
	host_die r2
	wait_for 20 is_state "$vip" r2 failed
	is "the one that died is out" "$(state "$vip" r2)" failed
	is "the other is in" "$(state "$vip" r1)" active
	matches "and is asked" "$(once)" "$vip +$(host4 r1) +active .* yes"
	host_nginx r2
	wait_for 20 all_are active
	is "the one that died answers again" "$(state "$vip" r2)" active
	lb dump >"$BED/dump.json"
	jq '.settings.source4 = ""' "$BED/dump.json" >"$BED/no_source.json"
	lb restore "$BED/no_source.json"
	says "without a source4 it is said that they cannot be asked" \
		"^2 reals of rewrite cannot be asked: .*source4"
	host_die r1
	wait_for 20 is_state "$VIP" r1 failed
	is "and nobody is taken out" "$(state "$vip" r1)" active
	matches "nor asked" "$(once 2>&1)" "$vip +$(host4 r1) +active .* no: source4 is not set"
	lb restore "$BED/dump.json"
	says "until there is one" "^no longer: 2 reals of rewrite"
	wait_for 20 is_state "$vip" r1 failed
	is "and the dead one is out" "$(state "$vip" r1)" failed
	lb vip del "$vip"
	in_ns edge ip address del 198.51.100.9/24 dev eth0
}

# Who holds the lock may be stopped; probes go on, and what came of them is done afterwards.
test_a_command_that_hangs() {
	local holder

	spawn edge /dev/null flock -o "$LB_DIR" sleep 600
	holder=$BED_SPAWNED
	TRAFFIC+=("$holder")
	wait_for 10 is_locked || bail "the lock is held"
	host_die r1
	says "it is said that somebody is in the way" "cannot be taken out or in: another command"
	is "until then nothing changes" "$(grep -c 'is out' "$LOG")" 0
	stop "$holder"
	wait_for 20 is_state "$VIP" r1 failed
	is "then the real is out" "$(state "$VIP" r1)" failed
}

is_locked() {
	! flock -n "$LB_DIR" true
}

# misbehaves WHAT PREFIX PART PATTERN: r1 answers so, and the checker makes that of it
misbehaves() {
	local server

	spawn r1 "$BED/log/bad" "$BED_TOOLS/bad_server" "$2" "$3"
	server=$BED_SPAWNED
	TRAFFIC+=("$server")
	wait_for 10 in_ns r1 bash -c ': </dev/tcp/127.0.0.1/80' 2>/dev/null
	matches "$1" "$(once | grep "$VIP .*$(host4 r1)")" "$4"
	stop "$server"
}

test_servers_that_misbehave() {
	local status='HTTP/1.1 200 OK\r\n' a_lot INTERVAL=5000 TIMEOUT=2000

	a_lot=$(printf 'x%.0s' {1..1000})
	stop "$CHECKER"
	write_conf
	host_die r1
	misbehaves "a body without an end is not read" "$status\r\n" "$a_lot" 'yes$'
	misbehaves "nor headers without an end" "$status" "x: $a_lot\r\n" 'yes$'
	misbehaves "a header without an end" "$status" "$a_lot" 'no: '
	misbehaves "what is no HTTP" '' "$a_lot" 'no: the answer is not HTTP'
	misbehaves "status after status" '' 'HTTP/1.1 100 Continue\r\n\r\n' 'no: '
	misbehaves "half an answer" 'HTTP/1.1 200' '' 'no: no answer within 2000 ms'
}

test_once() {
	# one probe each: it has the time that a busy machine needs
	local out INTERVAL=$((5000 * TAP_SCALE)) TIMEOUT=$((3000 * TAP_SCALE))

	stop "$CHECKER"
	write_conf
	out=$(once)
	is "all answer: the exit status is 0" $? 0
	is "each real has a line" "$(grep -cE ' active .* yes$' <<<"$out")" 6
	host_die r1
	out=$(once)
	is "one does not: it is 1" $? 1
	matches "and the table says why" "$out" "$(host4 r1) .* no: connect: Connection refused"
	is "as JSON" "$(once --json | jq -c '[.reals[] | select(.answers | not) | .real] | sort')" \
		"[\"$(host4 r1)\",\"$(host6 r1)\"]"
	is "nothing is taken out" "$(count_state failed)" 0
	echo "check tcp/203.0.113.82:80 tcp" >>"$BED/check.conf"
	matches "a check of no VIP is said" "$(once 2>&1 >/dev/null)" \
		"^1 checks are of VIPs that do not exist, the first of tcp/203.0.113.82:80"
	sed -i '$d' "$BED/check.conf"
	host_nginx r1
	# a second's worth of it comes in time, its end does not
	echo "check $VIP http path=/long interval=${INTERVAL}ms timeout=${TIMEOUT}ms" >>"$BED/check.conf"
	is "of a long answer the status counts" "$(once --json | jq '[.reals[].answers] | all')" true
	is "no probe is left in TIME_WAIT" "$(in_ns edge ss -Htan state time-wait | wc -l)" 0
	out=$(owner lb --map-dir "$LB_DIR" check "$BED/check.conf" 2>&1)
	is "without the capability it does not start" "$?" 1
	matches "and says what it needs" "$out" "CAP_NET_RAW"
}

only_in_vm a_dead_real_goes_out_and_comes_back the_checker_is_killed
bed_run
