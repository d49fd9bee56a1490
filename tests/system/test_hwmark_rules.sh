#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
#
# Rules of the agent (tests/support/hwmark.sh) beside those of others, at devices that change
# their names, and with errors of netlink at each step: no packet gets to another real, no rule
# is left that nobody takes off, and marks come back.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/hwmark.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/hwmark.sh"

MODES=(destination flow)
# shellcheck disable=SC2034 # so few that they run out if they do not come back
MARKS=128
CASES='foreign_rules foreign_handle adopted renamed errors no_sockets'
# In the guest each takes its time: make test runs what stands for the others, make test-all all.
if [[ ${SLOTD_TIER:-} == vm && ${SLOTD_FAULTS:-} != all ]]; then
	MODES=(destination)
	CASES='foreign_handle adopted'
fi
export SLOTD_FAULT_DIR=$BED/fault
# Where, and with what: refused, lost, not carried out, a list that changed meanwhile.
ERRORS=('flower.add 28' 'flower.add 22' 'flower.answer 105' 'flower.del 16' 'flower.del 2'
	'flower.get 12' 'flower.list 4' 'flower.list 12' 'hwmark.entry 12' 'hwmark.free 12')

# rules [DEVICE]: those of IPv4 at the agent's pref, as "HANDLE DESTINATION"
rules() {
	in_ns router tc -j filter show dev "${1:-edge}" egress pref 1000 2>/dev/null |
		jq -r '.[].options | select(.handle) | "\(.handle) \(.keys.dst_ip)"'
}

# foreign_at HANDLE|"" PORT: somebody's rule at the agent's pref
foreign_at() {
	# shellcheck disable=SC2086 # no handle is no word
	in_ns router tc filter add dev edge egress pref 1000 protocol ip ${1:+handle $1} flower \
		ip_proto tcp dst_ip 192.0.2.99 dst_port "$2" action pass
}

count_others() {
	rules | grep -c ' 192.0.2.99$'
}

# all_over: traffic has ended, and with it all that the agent had
all_over() {
	flows_stop
	in_time "idle flows go" $((AGE * 4)) has_rules 0
	is "no entry is left" "$(hw_get show .live)" 0
}

# flows_are SENTENCE: now, and all say the same
flows_are() {
	in_time "$1" 40 has_most
	succeeds "rules, entries and the agent say the same" wait_for 10 is_consistent
}

test_foreign_rules() {
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	foreign_at "" 9 || bail "somebody's rule is taken"
	flows_start "$VIP4" 20
	flows_are "beside somebody's rule there are rules for the flows"
	succeeds "all are flushed" hw flush
	foreign_at "" 10 || bail "somebody's rule is taken"
	flows_are "they come again"
	is "somebody's rules are there" "$(count_others)" 2
	succeeds "the agent ends" stop "$AGENT"
	foreign_at "" 11 || bail "somebody's rule is taken"
	succeeds "another one starts" agent_start
	all_over
	is "somebody's rules have stayed" "$(count_others)" 3
	succeeds "the agent ends" stop "$AGENT"
	in_ns router tc filter del dev edge egress pref 1000 protocol ip
}

# take_place: somebody takes off one of the agent's rules, and puts another under its handle
take_place() {
	local handle

	handle=$(rules | grep -v ' 192.0.2.99$' | awk 'NR == 1 { print $1 }')
	in_ns router tc filter del dev edge egress pref 1000 protocol ip handle "$handle" flower &&
		foreign_at "$handle" "$1"
}

test_foreign_handle() {
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	flows_start "$VIP4" 20
	flows_are "there are rules for the flows"
	succeeds "somebody's rule takes the place of one of them" take_place 9
	succeeds "all are flushed, before the agent has looked" hw flush
	is "but somebody's" "$(count_others)" 1
	flows_are "they come again"
	succeeds "somebody's rule takes the place of another" take_place 10
	in_time "its flow has lost its rule" $((AGE * 4)) has_done vanished 1
	flows_are "the others go on"
	all_over
	is "somebody's rules have stayed" "$(count_others)" 2
	succeeds "the agent ends" stop "$AGENT"
	in_ns router tc filter del dev edge egress pref 1000 protocol ip
}

test_adopted() {
	agent_start age=600 || bail "the agent starts" "$(<"$BED/log/agent")"
	flows_start "$VIP4" 20
	flows_are "there are rules for the flows"
	stop "$AGENT" KILL
	flows_stop
	succeeds "an agent starts" agent_start age=600
	matches "it takes over what is there" "$(<"$BED/log/agent")" '; [1-9][0-9]* are there already'
	is "which it does not count as installed, nor for how long that took" \
		"$(agent_number installed) $(hw_get stats '.latency | map(.rules) | add // 0')" "0 0"
	succeeds "it flushes them" hw flush
	is "no rule is left" "$(count_rules)" 0
	succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
	succeeds "the agent ends" stop "$AGENT"
}

is_at() {
	[[ $(hw_get show .agent.device) == "$1" ]]
}

has_agent_rules() {
	[[ $(rules "$1" | wc -l) -ge $2 ]]
}

test_renamed() {
	in_ns router ip link add late0 type dummy
	agent_start device=late0 || bail "the agent starts" "$(<"$BED/log/agent")"
	flows_start "$VIP4" 20
	flows_are "there are rules for the flows"
	in_ns router ip link set late0 name late1
	succeeds "all are flushed at the device, which has another name" hw flush
	flows_are "they come again there"
	in_ns router ip link add late0 type dummy
	succeeds "another device of the name changes nothing" has_agent_rules late1 "$MOST"
	stop "$AGENT" KILL
	agent_start device=late0 || bail "the agent starts" "$(<"$BED/log/agent")"
	is "the next agent takes them off there" "$(rules late1)" ""
	in_time "and puts others at the device of the name" 40 has_agent_rules late0 "$MOST"
	in_ns router ip link del late0
	in_ns router ip link add late0 type dummy
	in_time "and at the next one of the name" 40 has_agent_rules late0 "$MOST"
	succeeds "rules, entries and the agent say the same" wait_for 20 is_consistent
	in_ns router ip link set late0 name late2
	in_time "the agent says what it is called now" 10 is_at late2
	succeeds "the agent ends" stop "$AGENT"
	succeeds "all are flushed without it" hw flush
	is "no rule is left there" "$(rules late2)" ""
	flows_stop
	is "no entry is left" "$(hw_get show .live)" 0
	in_ns router ip link del late1
	in_ns router ip link del late2
}

# What is said of some of them, once for as long as it goes on: by an agent that has said nothing.
declare -A WORDS=(
	['flower.del 16']='rules of edge could not be removed: '
	['flower.list 12']='cannot list the rules of edge: Cannot allocate memory'
	['hwmark.free 12']='entries cannot be freed'
)

# fail_once POINT ERRNO: the next time that it is met
fail_once() {
	echo "$1 1 $2" >"$SLOTD_FAULT_DIR/arm.new"
	mv "$SLOTD_FAULT_DIR/arm.new" "$SLOTD_FAULT_DIR/arm"
	: >"$SLOTD_FAULT_DIR/trace"
	in_time "error $2 at $1" 40 is_met "$1"
	rm -f "$SLOTD_FAULT_DIR/arm" "$SLOTD_FAULT_DIR/trace"
}

# is_met POINT: flows come and go until it is
is_met() {
	hw flush >/dev/null 2>&1
	grep -qx "$1" "$SLOTD_FAULT_DIR/trace"
}

test_errors() {
	local words

	mkdir -p "$SLOTD_FAULT_DIR"
	AGENT_BIN=$BED_TOOLS/slotctl_faults
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	flows_start "$VIP4" 20
	flows_are "there are rules for the flows"
	for words in "${ERRORS[@]}"; do
		if [[ ${WORDS[$words]:-} ]]; then
			stop "$AGENT"
			agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
		fi
		# shellcheck disable=SC2086 # two words
		fail_once $words
		[[ -z ${WORDS[$words]:-} ]] || in_time "which is said" 20 says "${WORDS[$words]}"
		flows_are "after that flows are marked"
		hits_more "and sent"
	done
	AGENT_BIN=
	all_over
	succeeds "the agent ends" stop "$AGENT"
	tap_note <"$BED/log/agent"
}

# No descriptor, no socket: nothing is added, removed or listed.
test_no_sockets() {
	local limit

	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	flows_start "$VIP4" 20
	flows_are "there are rules for the flows"
	limit=$(prlimit --pid "$AGENT" --nofile --noheadings --output HARD)
	prlimit --pid "$AGENT" --nofile="3:$limit"
	in_time "that rules cannot be listed is said" 40 says 'cannot list the rules of edge: '
	hw flush >/dev/null 2>&1 &
	in_time "that rules cannot be removed is said" 40 says 'could not be removed'
	hits_more "packets go on"
	prlimit --pid "$AGENT" --nofile="$limit:$limit"
	wait "$!"
	in_time "it is over" 40 says 'no longer: .*could not be removed'
	flows_are "and there are rules for the flows"
	all_over
	succeeds "the agent ends" stop "$AGENT"
	tap_note <"$BED/log/agent"
}

bed_start
for host in "${REALS[@]}"; do
	host_echo "$host" "$VIP4" "$VIP6"
done
if ! has_flower; then
	skip "rules beside others'" "this kernel has no cls_flower or act_skbedit"
	MODES=()
elif ! has_marks; then
	skip "rules beside others'" "this kernel shows no mark of a veth's skb (Linux 6.3)"
	MODES=()
fi
# The agent knows nothing of engines.
BED_ENGINE=$(bed_engines | head -n 1)
for mode in "${MODES[@]}"; do
	TAP_PREFIX="$mode: "
	start_edge "$mode"
	for name in ${SLOTD_TEST_ONLY:-$CASES}; do
		"test_${name#test_}"
	done
done
done_testing
