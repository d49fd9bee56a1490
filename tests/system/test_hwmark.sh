#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 2700
#
# Flows that a device marks (tests/support/hwmark.sh): they come, age, are flushed and churn; the
# load balancer changes; the agent is ended at each step; rules and devices go and come.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/hwmark.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/hwmark.sh"

MODES=(flow destination)
# What a mark stands for makes no difference to the others.
declare -A CASES=(
	[flow]='flows_are_marked one_agent changes ports_used_again restart flush lost_rules devices killed churn'
	[destination]='flows_are_marked changes ports_used_again restart flush end killed churn'
)
# In the guest each takes its time: make test runs what stands for the others, make test-all all.
declare -A ADDRESSES=([flow]="$VIP4 $VIP6" [destination]="$VIP4 $VIP6")
[[ ${SLOTD_TIER:-} != vm || ${SLOTD_FAULTS:-} == all ]] || {
	CASES=([flow]='flows_are_marked one_agent' [destination]='restart')
	ADDRESSES=([flow]=$VIP6)
	AGE=5
}
CHURN=10000
# More than one of them is of each real.
PORTS=(30001 30002 30003 30004 30005 30006 30007 30008)

# The slot's maps are others then.
test_other_maps() {
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	sed -i "s/marks = $MARKS/marks = 8192/" "$BED/hosts/edge/slots.conf"
	succeeds "the slot gets maps of another size" \
		host_ctl edge apply --reset-map hwmark:hwmark_entries
	in_time "the agent sees it, and ends" 10 is_gone "$AGENT"
	matches "with a word" "$(<"$BED/log/agent")" "the slot's maps are others now"
	succeeds "the next one has the new ones" agent_start
	is "all of them" "$(hw_get show .marks)" 8191
	succeeds "the agent ends" stop "$AGENT"
}

test_no_flower() {
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	flows_start "$VIP4" 20
	in_time "it is said that the kernel has no flower" 20 says 'edge takes no rules'
	is "once" "$(grep -c 'takes no rules' "$BED/log/agent")" 1
	is "and nothing is marked" "$(hits)" 0
	is "nor has an entry" "$(hw_get show .live)" 0
	flows_stop
	succeeds "the agent ends" stop "$AGENT"
}

test_no_source() {
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	is "this kernel shows no mark: nothing is sent by it" "$(hits)" 0
	matches "which is counted" \
		"$(hw_get stats '.counters[] | select(.name == "no_source") | .packets')" '^[1-9]'
	flows_stop
	in_time "idle flows go" $((AGE * 3)) has_rules 0
	succeeds "the agent ends" stop "$AGENT"
}

test_flows_are_marked() {
	local address before

	foreign_add
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	for address in ${ADDRESSES[$MODE]}; do
		flows_start "$address" 20
		hits_more "marked packets to $address are sent"
		in_time "there are rules for the flows" 20 has_most
		succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
		marks_are_as_the_mode_says
		succeeds "the device has counted" test "$(count_packets)" -ge 50
		flows_stop
		before=$(agent_number aged)
		in_time "idle flows go" $((AGE * 3)) has_rules 0
		succeeds "by their age" has_done aged $((before + MOST))
		is "and nothing has an entry any more" "$(hw_get show .live)" 0
	done
	succeeds "flows were taken, rules installed and taken off" \
		has_done_all "$MOST" taken installed removed
	start_long 4 "$VIP4"
	hits_more "TCP's packets are marked"
	wait_for 20 are_long_over
	is "its connections end well" "$(count_whole)" 4
	matches "most packets were marked" "$(hw_get stats .hit_ratio)" '^0\.[4-9]'
	matches "it is known how long rules took" "$(hw_get stats '.latency | map(.rules) | add')" \
		'^[1-9]'
}

# A mark for each flow, or for each of the VIP's reals.
marks_are_as_the_mode_says() {
	if [[ $MODE == flow ]]; then
		is "each flow has a mark of its own" "$(count_marks)" "$(count_rules)"
	else
		is "each real has one mark" "$(count_marks)" ${#REALS[@]}
	fi
}

# By the rules' own counts.
count_packets() {
	hw_get flows '[.flows[].packets] | add'
}

test_one_agent() {
	agent_need
	refused "another agent is refused" 'an agent or a command of hwmark is at these maps' \
		hw agent device=edge hook=egress
	matches "the one that runs is shown" "$(hw show)" 'agent running'
}

test_changes() {
	local before

	agent_need
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	before=$(agent_number outdated)
	succeeds "the load balancer gets another VIP" lb vip add tcp/203.0.113.99:80 encap=l2
	hits_more "flows are marked as before"
	is "none of them left" "$(agent_number outdated)" "$before"
	succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
	succeeds "a real is drained, and keeps its flows" lb real drain "udp/$VIP4:7" "$(host4 r1)"
	hits_more "flows of the other one are marked"
	succeeds "it is back" lb real undrain "udp/$VIP4:7" "$(host4 r1)"
	in_time "and all are marked" 30 has_most
	before=$(agent_number outdated)
	succeeds "a real is taken out" lb real down "udp/$VIP4:7" "$(host4 r1)"
	in_time "its flows leave" 20 has_done outdated $((before + 1))
	hits_more "the others go on"
	lb real up "udp/$VIP4:7" "$(host4 r1)"
	lb vip del tcp/203.0.113.99:80
	in_time "it is in again, and so are its flows" 30 has_most
	flows_stop
}

# ask_from PORT: requests of one connection from there, 40 of them, to $BED/from.PORT; the server
# closes it, so that the port is free.
ask_from() {
	: >"$BED/from.$1"
	spawn client "$BED/from.$1" curl -sS --noproxy '*' -m $((PATIENCE * 10)) --local-port "$1" \
		"http://$VIP4/?[2-40]" --next -sS --noproxy '*' -m $((PATIENCE * 10)) \
		--local-port "$1" -H 'Connection: close' "http://$VIP4/"
}

# ask_ports SENTENCE: from each port, by a connection which one real answers all the time. Prints
# the real of each, in $SERVED.
ask_ports() {
	local port pids=()

	for port in "${PORTS[@]}"; do
		ask_from "$port"
		pids+=("$BED_SPAWNED")
	done
	wait "${pids[@]}"
	SERVED=$(for port in "${PORTS[@]}"; do sort "$BED/from.$port" | uniq -c | xargs; done)
	is "$1" "$(grep -cE '^40 r[12]$' <<<"$SERVED") of ${#PORTS[@]}" \
		"${#PORTS[@]} of ${#PORTS[@]}"
	[[ $TAP_FAILED -eq 0 ]] || tap_note <<<"$SERVED"
}

# Rules of connections from these ports.
has_marked_ports() {
	[[ $(hw_get flows '[.flows[] | select(.proto == "tcp")] | length') -ge $1 ]]
}

# A port is used again while rules mark what comes from it, and its connection is another real's
# now: at once, and where the agent comes to know of the change only when the connection is there.
test_ports_used_again() {
	local before after

	agent_need
	# a port is free when its connection is over
	in_ns client sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets'
	wait_for $((AGE * 3)) has_rules 0
	ask_ports "each connection has one real"
	before=$SERVED
	in_time "they have rules" 20 has_marked_ports $((${#PORTS[@]} / 2))
	succeeds "the ring changes" lb real drain "tcp/$VIP4:80" "$(host4 r1)"
	ask_ports "a connection from a port that was used before has one real"
	is "which is the ring's" "$(grep -c r2 <<<"$SERVED")" ${#PORTS[@]}
	matches "and another one than before" "$before" r1
	in_time "they have rules" 20 has_marked_ports $((${#PORTS[@]} / 2))
	kill -STOP "$AGENT"
	succeeds "the ring is as it was, and the agent stands still" \
		lb real undrain "tcp/$VIP4:80" "$(host4 r1)"
	start_long_from_ports
	in_time "connections come from the same ports" 10 has_connections r1
	kill -CONT "$AGENT"
	wait_for 30 are_long_over
	is "each of them ends well" "$(count_whole)" ${#PORTS[@]}
	after=$SERVED
	ask_ports "connections go where the first ones went"
	is "each to the same" "$SERVED" "$before"
	matches "after others" "$after" r2
}

start_long_from_ports() {
	local port

	LONG=()
	rm -f "$BED"/long.*
	for port in "${PORTS[@]}"; do
		spawn client "$BED/long.$port" curl -sS --noproxy '*' -m $((PATIENCE * 30)) \
			--local-port "$port" -H 'Connection: close' -o /dev/null \
			-w '%{http_code} %{size_download} %{errormsg}\n' "http://$VIP4/long"
		LONG+=("$BED_SPAWNED")
		TRAFFIC+=("$BED_SPAWNED")
	done
}

test_restart() {
	agent_need
	wait_for $((AGE * 3)) has_rules 0
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	marks_are_as_the_mode_says
	stop "$AGENT" KILL
	hits_more "without an agent packets are marked"
	succeeds "an agent starts" agent_start
	matches "it takes over what is there" "$(<"$BED/log/agent")" '; [1-9][0-9]* are there already'
	hits_more "packets are marked"
	succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
	flows_stop
	in_time "what was taken over goes when it is idle" $((AGE * 3)) has_rules 0
}

test_flush() {
	agent_need
	wait_for $((AGE * 3)) has_rules 0
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	succeeds "flush, by the agent" hw flush
	in_time "flows come again" 20 has_most
	succeeds "the agent ends" stop "$AGENT"
	succeeds "flush, without one" hw flush
	is "no rule is left" "$(count_rules)" 0
	is "and no entry" "$(hw_get show .live)" 0
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	in_time "flows come again" 20 has_most
	flows_stop
}

test_lost_rules() {
	agent_need
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	in_ns router tc qdisc del dev edge clsact
	in_time "that rules are gone is seen" 20 has_done vanished "$MOST"
	in_time "and flows come again" 30 has_most
	succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
	foreign_add
	# a device whose qdisc comes or goes sends nothing for a moment
	flows_stop 10
}

test_end() {
	succeeds "the agent ends" stop "$AGENT"
}

test_devices() {
	agent_end
	flows_start "$VIP4" 20
	agent_start offload=skip_sw
	in_time "it is said that the device takes no rules" 20 says 'edge takes no rules'
	is "so none is left, and none came" "$(count_rules)" 0
	stop "$AGENT"
	agent_start device=late0
	in_time "a device that is not there is said" 5 says "there is no device 'late0'"
	in_ns router ip link add late0 type dummy
	in_time "and that it came" 10 says "no longer: there is no device 'late0'"
	in_time "it takes rules" 20 has_most
	in_ns router ip link del late0
	in_time "that it is gone is seen" 20 has_done vanished "$MOST"
	stop "$AGENT"
	agent_start flows=5
	in_time "a full table is said" 20 says 'the table of flows is full'
	in_time "and the rest is marked" 20 has_rules 5
	flows_stop
	stop "$AGENT"
}

# is_met POINT: the agent is killed there
is_met() {
	lb vip add tcp/203.0.113.98:80 encap=l2
	lb vip del tcp/203.0.113.98:80
	is_gone "$AGENT" || { timeout 1 nsenter --net="$BED/ns/router" "$BED_BIN/slotctl" --socket "$BED/hosts/edge/run/slotd.sock" hwmark flush
		is_gone "$AGENT"; }
}

# Steps that the agent's build knows, without those of handoff's agent.
list_agent_points() {
	readelf -p slot_faults "$BED_TOOLS/slotctl_faults" |
		sed -n 's/^ *\[ *[0-9a-f]*\]  *//p' | grep -v '^handoff\.' | sort -u
}

test_killed() {
	local point points

	export SLOTD_FAULT_DIR=$BED/fault
	mkdir -p "$SLOTD_FAULT_DIR"
	agent_end
	foreign_add
	mapfile -t points < <(list_agent_points)
	matches "the agent has steps to be killed at: ${points[*]}" ${#points[@]} '^([6-9]|[1-9][0-9])$'
	flows_start "$VIP4" 20
	for point in "${points[@]}"; do
		AGENT_BIN=$BED_TOOLS/slotctl_faults
		echo "$point 2 kill" >"$SLOTD_FAULT_DIR/arm"
		[[ $point != hwmark.@(clear|strays) ]] || echo "$point 1 kill" >"$SLOTD_FAULT_DIR/arm"
		agent_start
		in_time "killed at $point" 20 is_met
		rm -f "$SLOTD_FAULT_DIR/arm"
		AGENT_BIN=
		agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
		in_time "flows are marked again" 20 has_most
		hits_more "and their packets sent by that"
		succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
		stop "$AGENT"
	done
	flows_stop
	is "another's rule is where it was" "$(count_foreign)" 1
}

# change_lb WORD...: of the VIP that churns; then flows are marked again
change_lb() {
	local before

	lb real "$1" "udp/$VIP4:7" "$(host4 r2)" "${@:2}" || not_ok "real $*"
	before=$(hits)
	wait_for 20 has_hits $((before + 20)) || not_ok "flows are marked after: real $*"
}

# Reals come, go and change their weight while flows do. Says on stderr what is not so.
change_in_churn() {
	change_lb weight 5
	change_lb drain
	change_lb undrain
	change_lb down
	change_lb up
	change_lb weight 1
	change_lb del
	change_lb add mac="$(mac_of r2 eth0)"
}

# More flows than places and marks: they are used again and again. No change moves a flow: lb's table
# knows it, and the real that is removed is one of other VIPs still.
test_churn() {
	local asked lost moved began=$SECONDS before churn

	agent_end
	agent_start flows=512 || bail "the agent starts" "$(<"$BED/log/agent")"
	before=$(hits)
	: >"$BED/churn"
	spawn client "$BED/churn" "$BED_TOOLS/udp_churn" "$VIP4" 7 "$CHURN" $((PACKETS * 2))
	churn=$BED_SPAWNED
	in_time "marked packets are among them" 20 has_hits $((before + 50))
	change_in_churn
	succeeds "$CHURN flows are over in bounded time" wait_for 30 is_gone "$churn"
	read -r asked lost moved < <(tail -n 1 "$BED/churn")
	is "each keeps its real" "$asked asked, $moved moved" \
		"$((CHURN * PACKETS * 2)) asked, 0 moved"
	succeeds "and hardly an answer is missing: $lost of $asked" \
		test "$lost" -le $((TAP_SCALE > 1 ? asked / 1000 : 0))
	echo "$CHURN flows in $((SECONDS - began)) s: $asked asked, $lost lost, $moved moved," \
		"$(($(hits) - before)) hits, $(hw_get stats '.agent | tostring')" | tap_note
	succeeds "marks and places were used again" has_done_all $((MARKS * 2)) taken installed
	in_time "at the end no rule is left" $((AGE * 4)) has_rules 0
	is "and no entry" "$(hw_get show .live)" 0
	succeeds "what came went" has_done_all $((MARKS * 2)) removed
	stop "$AGENT"
}

bed_start
for host in "${REALS[@]}"; do
	host_nginx "$host"
	host_echo "$host" "$VIP4" "$VIP6"
done
FLOWER=no
! has_flower || FLOWER=yes
# The agent knows nothing of engines.
BED_ENGINE=$(bed_engines | head -n 1)
for mode in "${MODES[@]}"; do
	TAP_PREFIX="$mode: " MODE=$mode
	start_edge "$mode"
	if [[ $FLOWER == no ]]; then
		test_no_flower
		test_other_maps
		continue
	fi
	if ! has_marks; then
		test_no_source
		continue
	fi
	for name in ${SLOTD_TEST_ONLY:-${CASES[$mode]}}; do
		"test_${name#test_}"
	done
done
done_testing
