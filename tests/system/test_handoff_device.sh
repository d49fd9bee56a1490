#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
#
# The agent of handoff with a device, killed at each of its steps, or met there by an error: every
# rule that is at the device then is one of a connection that handoff_offloads names, so that
# whoever waits for it waits; and the next agent leaves none behind.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"

VIP=192.0.2.1:80
VIP_6='[2001:db8:1::1]:80'
PREF=1100
export SLOTD_FAULT_DIR=$BED/fault
ERRORS=('flower.add 1 28' 'flower.answer 1 105' 'flower.del 1 16' 'flower.get 1 12' 'flower.list 5 12'
	'handoff.offload 1 7' 'handoff.forget 1 12' 'handoff.remove 1 12')
# In the guest each takes its time: make test runs what stands for the others, make test-all all.
if [[ ${SLOTD_TIER:-} == vm && ${SLOTD_FAULTS:-} != all ]]; then
	KILLS='handoff.offload flower.add flower.del'
	ERRORS=('handoff.forget 1 12')
fi

in_ctl() {
	bed_ctl --chain eth0 handoff "$@"
}

setup() {
	mkdir -p "$SLOTD_FAULT_DIR"
	bed_conf <<-END
		slot 10 { name = "handoff" owner = "nobody" object = "handoff.bpf.o" }
	END
	bed_slotd_fresh
	DIR=$(bed_ctl --chain eth0 slots --json | jq -r '.slots[] | select(.name == "handoff").map_dir')
}

# agent_start PROGRAM
agent_start() {
	spawn edge "$BED/log/agent" "$1" --socket "$BED_CTL_SOCKET" --chain eth0 handoff agent \
		device=eth0 offload=skip_hw pref="$PREF" linger=1
	AGENT=$BED_SPAWNED
}

rule() {
	in_ns edge "$BED_TOOLS/handoff_rule" "$DIR" "$@"
}

# Two connections of each family with many bytes.
make_busy() {
	rule busy "$CLIENT4:40001" "$VIP" "$SERVER4:80"
	rule busy "$CLIENT4:40002" "$VIP" "$SERVER4:80"
	rule busy "[$CLIENT6]:40003" "$VIP_6" "[$SERVER6]:80"
	rule busy "[$CLIENT6]:40004" "$VIP_6" "[$SERVER6]:80"
}

# Ports of clients that the device has rules for, in order.
at_device() {
	local pref

	for pref in $PREF $((PREF + 1)); do
		in_ns edge tc -j filter show dev eth0 ingress pref "$pref" 2>/dev/null
	done | jq '.[].options | select(.keys).keys.src_port' | sort
}

# Those that whoever makes a step has to wait for.
waited_for() {
	in_ctl show --json | jq -r '.rules + .left | .[] | select(.device).client' |
		sed 's/.*://' | sort
}

has() {
	[[ $(at_device | wc -l) -eq $1 && $(waited_for | wc -l) -eq $1 ]]
}

# or_gone COMMAND...: so it is, or the agent is gone
or_gone() {
	"$@" || is_gone "$AGENT"
}

is_taken_back() {
	! at_device | grep -qx 40001 && ! waited_for | grep -qx 40001
}

has_no_rule() {
	[[ -z $(in_ctl show) ]]
}

# All that an agent does: takes over nothing, asks for rules, takes one back, removes a rule that is
# over, and the rest at its end.
operate() {
	in_ctl drop all >/dev/null
	make_busy
	agent_start "$BED_TOOLS/slotctl_faults"
	wait_for 30 or_gone has 4 || return 1
	rule block "$CLIENT4:40001" "$VIP" 60
	wait_for 30 or_gone is_taken_back || return 1
	rule ended "$CLIENT4:40005" "$VIP" "$SERVER4:80"
	wait_for 30 or_gone is_over || return 1
	kill -TERM "$AGENT" 2>/dev/null
	wait_for 30 is_gone "$AGENT"
}

is_over() {
	[[ $(in_ctl show --json | jq '.rules | length') -lt 5 ]]
}

# The next agent asks for what is still redirected, and when rules go it leaves nothing.
recover() {
	agent_start "$BED_BIN/slotctl"
	in_time "the next agent has the device send on what is redirected, $1" 30 has_redirected
	in_ctl drop all >/dev/null
	in_time "and nothing when rules are gone" 30 has 0
	succeeds "it ends" stop "$AGENT"
	is "no rule is left" "$(at_device)" ""
}

has_redirected() {
	has "$(in_ctl show --json | jq '[.rules[] | select(.ingress == "redirect")] | length')"
}

# Who is at the device, and waited for by nobody.
strays() {
	comm -23 <(at_device) <(waited_for)
}

test_killed() {
	local point

	: >"$SLOTD_FAULT_DIR/trace"
	succeeds "an agent does all that it does" operate
	sort -u "$SLOTD_FAULT_DIR/trace" >"$BED/points"
	rm "$SLOTD_FAULT_DIR/trace"
	for point in ${KILLS:-$(<"$BED/points")}; do
		echo "$point 1 kill" >"$SLOTD_FAULT_DIR/arm"
		operate >/dev/null
		rm "$SLOTD_FAULT_DIR/arm"
		wait "$AGENT" 2>/dev/null
		is "an agent is killed at $point" "$?" 137
		is "every rule that it leaves is waited for" "$(strays)" ""
		recover "after $point"
	done
}

test_errors() {
	local words

	for words in "${ERRORS[@]}"; do
		echo "$words" >"$SLOTD_FAULT_DIR/arm"
		succeeds "an agent does all that it does, with an error: $words" operate
		rm "$SLOTD_FAULT_DIR/arm"
		wait "$AGENT" 2>/dev/null
		is "and ends as it should" "$?" 0
		is "with no rule left" "$(at_device)" ""
		is "and nothing to wait for" "$(waited_for)" ""
	done
}

bed_start
if ! has_flower edge eth0; then
	skip "rules of a device" "this kernel has no cls_flower, act_pedit, act_csum or act_mirred"
	done_testing
	exit
fi
# The agent knows nothing of engines.
BED_ENGINE=$(bed_engines | head -n 1)
for name in ${SLOTD_TEST_ONLY:-killed errors}; do
	setup
	"test_${name#test_}"
done
done_testing
