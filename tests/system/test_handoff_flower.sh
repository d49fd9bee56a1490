#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 600
#
# Live connections that a device sends packets on of, which the kernel stands for: they go away,
# the device takes them, home refuses them while it has them, and then they come home, all of it
# under load, every byte held against what was sent.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"

CLIENTS=4
PREF=1100
MODES=(both)
ROUNDS=1
[[ ${SLOTD_FAULTS:-} != all ]] || {
	MODES=(both skip_hw)
	ROUNDS=8
}
# For emulated machines as well: nobody is given up because of their speed.
TIMES=(ack=3000 ready=10000 done=20000 abandon=60000 beat=2000)
STALL_MS=$((30000 * TAP_SCALE))

agent_start() {
	spawn home "$BED/log/agent" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" \
		--chain home:home handoff agent device=home above=20000 offload="$1" pref=$PREF
	AGENT=$BED_SPAWNED
}

# Rules that the device has.
at_device() {
	local pref

	for pref in $PREF $((PREF + 1)); do
		in_ns home tc -j filter show dev home ingress pref "$pref" 2>/dev/null
	done | jq '.[].options | select(.keys).keys.src_port' | wc -l
}

device_has() {
	(($(at_device) == $1))
}

has() {
	(($(count "$1" here) == $2))
}

go() {
	kill -USR2 "${NODE[$1]}"
}

hold() {
	kill -HUP "${NODE[$1]}"
}

# Told by near, which goes on with what home refuses.
refusals() {
	grep -c '^kept: .*a device still sends its packets on' "$BED/log/near"
}


go_and_come_home() {
	local kept

	go home
	in_time "near has all connections" 60 has near $CLIENTS
	hold home
	in_time "the device takes them" 60 device_has $CLIENTS
	kept=$(refusals)
	go near
	in_time "they come home" 60 has home $CLIENTS
	hold near
	tap_note <<<"$(($(refusals) - kept)) were refused while the device had them"
	in_time "the device has none" 30 device_has 0
}

# move_at_device both|skip_hw
move_at_device() {
	local words round

	agent_start "$1"
	load_start $CLIENTS 3000 $STALL_MS
	for ((round = 0; round < ROUNDS; round++)); do
		go_and_come_home
	done
	words=$(load_end)
	tap_note <<<"$words"
	is "$1: nothing is corrupt" "$(value_of corrupt "$words")" 0
	is "$1: nothing hangs" "$(value_of hung "$words")" 0
	is "$1: no connection is reset" "$(value_of reset "$words")" 0
	is "$1: or ended" "$(value_of ended "$words")" 0
	succeeds "$1: the agent ends" stop "$AGENT"
}

handoff_start
if ! has_flower home home; then
	skip "rules of a device" "this kernel has no cls_flower, act_pedit, act_csum or act_mirred"
	done_testing
	exit
fi
export HANDOFF_NODE_SAYS=1
node_other near every=20000 hold=1 "${TIMES[@]}"
node_home every=20000 next=near hold=1 "${TIMES[@]}"
wait_for 20 is_linked near || bail "home and near are linked" "$(cat "$BED"/log/{home,near})"
for mode in "${MODES[@]}"; do
	move_at_device "$mode"
done
succeeds "home refused some while the device had them" test "$(refusals)" -gt 0
done_testing
