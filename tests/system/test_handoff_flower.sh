#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 600
#
# Live connections that a device sends packets on of: they go away, the device takes them, home
# refuses them while it has them, and then they come home, all of it under load, every byte held
# against what was sent. The kernel stands for a device that is in front of the chain's interface:
#
#   edge to_home ---- outer [rules], home inner ---- home [chain]
#                       \____________________/
#                        what no rule sends on

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_held.sh
. "$BED_ROOT/tests/support/handoff_held.sh"

CLIENTS=4
PREF=1100
MODES=(both)
ROUNDS=1
[[ ${SLOTD_FAULTS:-} != all ]] || {
	MODES=(both skip_hw)
	ROUNDS=8
}
TIMES=("${PATIENT_TIMES[@]}")
STALL_MS=$((20000 * TIMES_SCALE))

# pass_on FROM TO: all that comes in there, behind the agent's rules
pass_on() {
	in_ns home tc qdisc add dev "$1" clsact 2>/dev/null
	in_ns home tc filter add dev "$1" ingress pref 9000 protocol all flower \
		action mirred egress redirect dev "$2"
}

# What is between home and edge becomes a wire within home; see above.
insert_outer() {
	local four=${HOST4[home]} six=${HOST6[home]}

	in_ns edge ip link set to_home netns home || return 1
	in_ns home ip link set to_home down && in_ns home ip link set to_home name inner || return 1
	make_wire home outer to_home || return 1
	in_ns home sysctl -qw net.ipv6.conf.{inner,outer}.disable_ipv6=1
	in_ns home ip link set inner up || return 1
	in_ns home bpftool net attach xdpdrv pinned "$BED/bpf/pass" dev inner overwrite || return 1
	in_ns edge ip -batch - <<-END || return 1
		address add ${four%.*}.1/24 dev to_home
		address add ${six%10}1/64 dev to_home nodad
	END
	pass_on outer inner && pass_on inner outer || return 1
	in_ns home ip neigh flush dev home
	wait_for 10 in_ns client ping -c 1 -W 1 "$four" &&
		wait_for 10 in_ns near ping -c 1 -W 1 "$six"
}

agent_start() {
	spawn home "$BED/log/agent" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" \
		--chain home:home handoff agent device=outer above=20000 offload="$1" pref=$PREF
	AGENT=$BED_SPAWNED
}

# Rules that the device has.
at_device() {
	local pref

	for pref in $PREF $((PREF + 1)); do
		in_ns home tc -j filter show dev outer ingress pref "$pref" 2>/dev/null
	done | jq '.[].options | select(.keys).keys.src_port' | wc -l
}

device_has() {
	(($(at_device) == $1))
}

# Packets of each connection.
device_sends() {
	bed_ctl --chain home:home handoff show --json |
		jq -e "[.rules[] | select(.device.packets > 0)] | length == $CLIENTS"
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
	in_time "and sends packets of each on" 60 device_sends
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
	expect_nothing "$words" "$1:"
	succeeds "$1: the agent ends" stop "$AGENT"
}

handoff_start
if ! has_flower home home; then
	skip "rules of a device" "this kernel has no cls_flower, act_pedit, act_csum or act_mirred"
	done_testing
	exit
fi
insert_outer || bail "a device is in front of home" "$(in_ns home ip link; in_ns home ip neigh)"
export HANDOFF_NODE_SAYS=1
start_held near
start_held home
are_linked near
for mode in "${MODES[@]}"; do
	move_at_device "$mode"
done
succeeds "home refused some while the device had them" test "$(refusals)" -gt 0
done_testing
