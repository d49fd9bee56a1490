#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# hwmark in a slot before lb: it works with lb's own maps, through changes, upgrades and restarts
# of slotd, and packets without a mark do not notice it.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

HWMARK=$BED_OBJECTS/hwmark.bpf.o
LB=$BED_OBJECTS/lb.bpf.o
VIP=tcp/192.0.2.1:80

# conf MODE [PACKETS]: of both slots; when lb tells of a flow
conf() {
	bed_conf <<-END
		slot 7 { name = "hwmark" object = "$HWMARK" maps_of = "lb" settings { mode = $1 mark_from = veth } }
		slot 8 { name = "lb" object = "$LB" settings { hwmark = $1 hwmark_packets = ${2:-32} } }
	END
}

setup() {
	conf destination
	bed_slotd_fresh
}

# value KEY: of hwmark show
value() {
	bed_ctl hwmark show --json | jq -r ".$1"
}

pings() {
	in_ns client ping -c 3 -i 0.01 -W 1 "$SERVER4" >/dev/null
}

test_lb_maps() {
	local before

	is "it says how it reads marks" "$(value mode),$(value mark_from)" destination,veth
	is "no mark is in use" "$(value live),$(value stale),$(value free)" 0,0,65535
	before=$(value generation)
	succeeds "lb is told" bed_ctl lb vip add "$VIP"
	succeeds "of a VIP and a real" bed_ctl lb real add "$VIP" 203.0.113.1
	succeeds "its generation is hwmark's" test "$(value generation)" -gt "$before"
	succeeds "packets pass" pings
	is "and none of them is counted" "$(bed_ctl hwmark stats --json |
		jq '[.counters[] | select(.name != "no_source") | .packets] | add')" 0
}

test_new_versions() {
	local before

	bed_ctl lb vip add "$VIP"
	before=$(value generation)
	changes "hwmark goes" disable hwmark
	changes "and comes" enable hwmark
	conf destination 7
	changes "lb comes anew, with other settings" apply
	is "the generation is lb's still" "$(value generation)" "$before"
	bed_slotd_stop KILL
	succeeds "slotd starts again" bed_slotd
	bed_ctl lb vip del "$VIP"
	succeeds "and changes of lb arrive" test "$(value generation)" -gt "$before"
	succeeds "packets pass" pings
}

test_settings() {
	conf flow
	changes "marks become those of flows" apply
	is "as it says" "$(value mode)" flow
	conf nothing
	refuses "a mode that there is not is refused" "FLOW, DESTINATION" bed_ctl apply
}

is_said() {
	grep -q "$1" "$BED/log/agent"
}

# does_flushes FOLDER SECONDS: each soon, for so long
does_flushes() {
	local end=$((SECONDS + $2))

	while [[ $SECONDS -lt $end ]]; do
		timeout $((3 * TAP_SCALE)) "$BED_BIN/slotctl" hwmark --map-dir "$1" flush || return
	done
}

# What it does for flows takes a device; what it is told of the slot does not.
test_agent() {
	local agent maps

	: >"$BED/log/agent"
	spawn server "$BED/log/agent" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" hwmark agent \
		device=none0
	agent=$BED_SPAWNED
	in_time "an agent starts without its device" 10 \
		is_said 'flows are offloaded to none0 as soon as it is there'
	is "that it is not there is said once" "$(grep -c "no device 'none0'" "$BED/log/agent")" 1
	succeeds "a flush is done by it" bed_ctl hwmark flush
	conf destination 7
	changes "lb comes anew, with other settings" apply
	succeeds "so is the next flush" bed_ctl hwmark flush
	maps=$(bed_get slots '.slots[7].map_dir')
	kill -STOP "$BED_SLOTD"
	succeeds "and each while slotd hangs" does_flushes "$maps" 7
	kill -CONT "$BED_SLOTD"
	conf flow
	changes "marks become those of flows" apply
	in_time "the agent sees it, and ends" 20 is_gone "$agent"
	matches "with a word" "$(<"$BED/log/agent")" "the slot's setting mode is another one now"
}

# agent_in HOST [KEY=VALUE...]
agent_in() {
	: >"$BED/log/agent"
	spawn "$1" "$BED/log/agent" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" hwmark agent "${@:2}"
	AGENT=$BED_SPAWNED
}

# hw COMMAND: where the agent is
hw() {
	in_ns edge "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" hwmark "$@"
}

# device_is NAME: as the agent says
device_is() {
	[[ $(bed_ctl hwmark show --json | jq -r .agent.device) == "$1" ]]
}

test_agent_device() {
	agent_in client
	in_time "where the chain's interface is not, an agent wants a device" 10 is_gone "$AGENT"
	matches "as it says" "$(<"$BED/log/agent")" "device=NAME .*in another netns"
	agent_in edge
	in_time "where it is, that is the device" 10 is_said 'flows are offloaded to '
	is "as it says" "$(value agent.device)" "$(bed_ctl slots --json | jq -r .interface)"
	succeeds "the agent ends" stop "$AGENT"
	in_ns edge ip link add late0 type veth peer name late9 || bail "a device"
	agent_in edge device=late0
	in_time "an agent has it" 10 device_is late0
	in_ns edge ip link set late0 name late1
	in_time "which gets another name" 10 device_is late1
	succeeds "its rules are shown" hw flows
	succeeds "the agent ends" stop "$AGENT"
	in_ns edge ip link set late1 name late2
	succeeds "they are flushed" hw flush
	in_ns edge ip link del late2
}

# What makes all of it idle is said before a flow comes.
test_agent_words() {
	sed -i 's/hwmark = destination/hwmark = flow/' "$BED/slots.conf"
	changes "lb has the other mode" apply
	agent_in edge device=none0
	in_time "an agent starts" 10 is_said 'flows are offloaded to none0'
	in_time "and says that" 10 is_said "slot 'lb' has hwmark = flow, and this slot mode = destination"
	matches "another one is refused, and told which one there is" \
		"$(hw agent device=none0 2>&1)" "at these maps, pid $AGENT; "
	succeeds "it ends" stop "$AGENT"
	sed -i 's/hwmark = flow//' "$BED/slots.conf"
	changes "lb has none" apply
	agent_in edge device=none0
	in_time "so the next one says" 10 is_said "slot 'lb' has no setting hwmark"
	succeeds "it ends" stop "$AGENT"
	agent_in edge device=none0 mode=flow
	in_time "a mode that is not the slot's is refused" 10 is_gone "$AGENT"
	matches "with a word" "$(<"$BED/log/agent")" "mode is another than the word says"
}

bed_run
