#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
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
	[flow]='flows_are_marked one_agent changes restart flush lost_rules devices killed churn'
	[destination]='flows_are_marked changes restart end churn'
)
# In the guest each takes its time: make test runs what stands for the others, make test-all all.
[[ ${SLOTD_TIER:-} != vm || ${SLOTD_FAULTS:-} == all ]] ||
	CASES=([flow]='flows_are_marked one_agent' [destination]='flows_are_marked restart')
CHURN=10000

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
	local address

	foreign_add
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	for address in "$VIP4" "$VIP6"; do
		flows_start "$address" 20
		hits_more "marked packets to $address are sent"
		in_time "there are rules for the flows" 20 has_most
		succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
		flows_stop
		in_time "idle flows go" $((AGE * 3)) has_rules 0
		is "and nothing has an entry any more" "$(hw_get show .live)" 0
	done
	start_long 4 "$VIP4"
	hits_more "TCP's packets are marked"
	wait_for 20 are_long_over
	is "its connections end well" "$(count_whole)" 4
	matches "most packets were marked" "$(hw_get stats .hit_ratio)" '^0\.[4-9]'
	matches "it is known how long rules took" "$(hw_get stats '.latency | map(.rules) | add')" \
		'^[1-9]'
}

test_one_agent() {
	refused "another agent is refused" 'an agent or a command of hwmark is at these maps' \
		hw agent device=edge hook=egress
	matches "the one that runs is shown" "$(hw show)" 'agent running'
}

test_changes() {
	local before

	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	before=$(agent_number outdated)
	succeeds "the load balancer gets another VIP" lb vip add tcp/203.0.113.99:80 encap=l2
	hits_more "flows are marked as before"
	is "none of them left" "$(agent_number outdated)" "$before"
	succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
	succeeds "a real is taken out" lb real down "udp/$VIP4:7" "$(host4 r1)"
	in_time "its flows leave" 20 has_done outdated $((before + 1))
	hits_more "the others go on"
	lb real up "udp/$VIP4:7" "$(host4 r1)"
	lb vip del tcp/203.0.113.99:80
	in_time "it is in again, and so are its flows" 30 has_most
	flows_stop
}

test_restart() {
	wait_for $((AGE * 3)) has_rules 0
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
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
	stop "$AGENT"
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

test_killed() {
	local point

	export SLOTD_FAULT_DIR=$BED/fault
	mkdir -p "$SLOTD_FAULT_DIR"
	flows_start "$VIP4" 20
	while read -r point; do
		AGENT_BIN=$BED_TOOLS/slotctl_faults
		echo "$point 2 kill" >"$SLOTD_FAULT_DIR/arm"
		[[ $point != hwmark.@(clear|strays) ]] || echo "$point 1 kill" >"$SLOTD_FAULT_DIR/arm"
		agent_start
		in_time "killed at $point" 20 is_met
		rm -f "$SLOTD_FAULT_DIR/arm"
		AGENT_BIN=
		agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
		in_time "flows are marked again" 20 has_most
		succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
		stop "$AGENT"
	done < <(readelf -p slot_faults "$BED_TOOLS/slotctl_faults" |
		sed -n 's/^ *\[ *[0-9a-f]*\]  *//p' | sort -u)
	flows_stop
	is "another's rule is where it was" "$(count_foreign)" 1
}

# More flows than places and marks: they are used again and again.
test_churn() {
	local out began=$SECONDS

	agent_start flows=2048 || bail "the agent starts" "$(<"$BED/log/agent")"
	out=$(in_ns client "$BED_TOOLS/udp_churn" "$VIP4" 7 "$CHURN" $((PACKETS * 2)) 2>&1)
	matches "$CHURN flows: each has one real" "$out" '^[1-9][0-9]+ [0-9]+ 0$'
	matches "in bounded time" $((SECONDS - began)) '^([0-9]|[0-9][0-9]|[12][0-9][0-9])$'
	echo "$CHURN flows in $((SECONDS - began)) s: $out, $(hits) hits," \
		"$(hw_get stats '.agent | "\(.taken) taken, \(.installed) installed, \(.full) full"')" |
		tap_note
	in_time "at the end no rule is left" $((AGE * 4)) has_rules 0
	is "and no entry" "$(hw_get show .live)" 0
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
	TAP_PREFIX="$mode: "
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
