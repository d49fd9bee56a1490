#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The maps of a slot from the side of its owner, who is not root: a layout that changed, a map
# that begins anew, one that the object's own converter carries over.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

STATE=$BED_PROGS/system/progs/state
CONVERTER=/mnt/state-migrate # as state_wide's manifest names it

mount -t tmpfs -o mode=0755 slotd-mnt /mnt

setup() {
	bed_conf <<-END
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 19 { name = "state" owner = "nobody" object = "$STATE.bpf.o" }
	END
	bed_slotd_fresh
}

converter() {
	rm -f "$CONVERTER"
	cat >"$CONVERTER"
	chmod 0755 "$CONVERTER"
}

map_dir() {
	bed_ctl show state --json | jq -r .map_dir
}

# The numbers of the map's one entry, as its owner reads them.
values() {
	in_ns edge setpriv --reuid nobody --regid nogroup --clear-groups --bounding-set=-all \
		"$BED_TOOLS/state_read" "$(map_dir)/state_seen"
}

has_seen() {
	[[ $(values | cut -d' ' -f1) -ge $1 ]]
}

slot_is() {
	bed_get slots ".slots[19] | \"\(.program) \(.version) \(.running)\""
}

test_layout() {
	refuses "a value that grew is refused, member by member" \
		"slot 19 .*changed its value size from 8 to 16, the layout of its value.*- u64 packets\[1\] @0 .*\+ u64 packets\[2\] @0.*generation [0-9]+ stays active" \
		on_one_line as_nobody deploy state "$STATE"_wide.bpf.o
	refuses "a map that the object has not is refused, with those that it has" \
		"there is no map 'seen' to begin anew: this object keeps its state in state_seen" \
		as_nobody deploy state "$STATE"_next.bpf.o --reset-map seen
	refuses "also where it was to be migrated" \
		"there is no map 'seen' to migrate: this object keeps its state in state_seen" \
		as_nobody deploy state "$STATE"_next.bpf.o --migrate seen
	is "the version before runs on" "$(slot_is)" "state 1.0.0 true"
}

test_reset() {
	local before

	in_ns client ping -c 5 -i 0.01 -W 1 "$SERVER4" >/dev/null
	succeeds "packets are counted" has_seen 5
	before=$(values)
	changes "a map begins anew" deploy state "$STATE"_wide.bpf.o --reset-map state_seen
	matches "with the new layout, and nearly empty" "$(values)" '^[0-9] 0$'
	changes "rollback" rollback
	succeeds "brings back the old entries" has_seen "${before% *}"
	is "in the old layout" "$(values | wc -w)" 1
	changes "and forth" rollback
	is "the new layout again" "$(values | wc -w)" 2
	is "the pins are the owner's all the time" \
		"$(stat -c '%U %a' "$(map_dir)/state_seen")" "nobody 600"
}

map_size() {
	bed_ctl show firewall --json | jq -r --arg map "$1" '.maps[] | select(.name == $map).max_entries'
}

# What slots.conf says of a size counts with an apply, and no deploy reads slots.conf.
test_reset_for_settings() {
	local reset=(--reset-map firewall:fw_buckets)

	bed_ctl firewall deny add 203.0.113.66 >/dev/null
	bed_conf <<-END
		slot 2 {
			name = "firewall" object = "firewall.bpf.o" owner = "nobody"
			settings { limited_sources_max = 32768 }
		}
		slot 19 { name = "state" owner = "nobody" object = "$STATE.bpf.o" }
	END
	refuses "a setting that gives a map another size is refused" \
		"map 'fw_buckets' changed its number of entries from 16384 to 32768" bed_ctl apply
	matches "a map has to be of a slot" "$(bed_ctl apply --reset-map fw_buckets 2>&1)" \
		"--reset-map 'fw_buckets': SLOT:MAP expected"
	refuses "and of one that runs" "slot 7 would not run after this change" \
		bed_ctl apply "${reset[@]}" --reset-map 7:fw_buckets
	refuses "the owner does not apply slots.conf" "only root may do this" \
		as_nobody apply "${reset[@]}"
	changes "an apply that has it start empty succeeds" apply "${reset[@]}"
	is "with the new size" "$(map_size fw_buckets)" 32768
	is "the other maps are as they were" "$(bed_ctl firewall list)" "deny 203.0.113.66/32"
	changes "rollback" rollback
	is "brings back the old size" "$(map_size fw_buckets)" 16384
}

# A ruleset is in seven maps: some of them without the others would be rules that match nothing.
test_maps_that_belong_together() {
	printf 'policy drop\nip saddr 203.0.113.0/24 accept\n' >"$BED/rules"
	succeeds "a ruleset is loaded" bed_ctl firewall load "$BED/rules"
	bed_ctl firewall deny add 203.0.113.66 >/dev/null
	changes "an apply that has one of its maps start empty succeeds" \
		apply --reset-map firewall:fw_nodes
	is "the others do so with it" "$(bed_ctl firewall show 2>&1)" \
		"no ruleset is loaded: lists and the slot's settings decide"
	is "those that do not belong to it go on" "$(bed_ctl firewall list)" "deny 203.0.113.66/32"
	changes "rollback" rollback
	matches "brings the ruleset back" "$(bed_ctl firewall show)" "policy drop"
}

test_migrate() {
	local before

	install -m 0755 "$BED_TOOLS/state_migrate" "$CONVERTER"
	in_ns client ping -c 5 -i 0.01 -W 1 "$SERVER4" >/dev/null
	before=$(values)
	changes "the converter carries the entries over" \
		deploy state "$STATE"_wide.bpf.o --migrate state_seen
	is "the new version runs" "$(slot_is)" "state 2.0.0 true"
	succeeds "with the old entries" has_seen "${before% *}"
	is "it ran as the owner, also for root" "$(values | cut -d' ' -f2)" "$(id -u nobody)"
	changes "rollback" rollback
	is "the old map is in place again" "$(values | wc -w)" 1
}

test_migrate_as_owner() {
	install -m 0755 "$BED_TOOLS/state_migrate" "$CONVERTER"
	in_ns client ping -c 5 -i 0.01 -W 1 "$SERVER4" >/dev/null
	succeeds "the owner has it converted without root" \
		as_nobody deploy state "$STATE"_wide.bpf.o --migrate state_seen
	is "its version runs" "$(slot_is)" "state 2.0.0 true"
	succeeds "and counts on" has_seen 5
}

test_refused_converters() {
	refuses "an object without a converter is refused" "the object names no converter" \
		as_nobody deploy state "$STATE"_next.bpf.o --migrate state_seen
	rm -f "$CONVERTER"
	refuses "a converter that is not there is named" "there is no '$CONVERTER'" \
		as_nobody deploy state "$STATE"_wide.bpf.o --migrate state_seen
	converter <<<$'#!/bin/sh\necho "entry 7 makes no sense"; exit 1'
	refuses "a converter that fails refuses the change, with its words" \
		"map 'state_seen' is not migrated: '$CONVERTER' failed with exit status 1: entry 7 makes no sense" \
		as_nobody deploy state "$STATE"_wide.bpf.o --migrate state_seen
	converter <<<$'#!/bin/sh\nread -r line </etc/shadow || exit 1'
	refuses "a converter may not read what its user may not" "Permission denied" \
		bed_ctl deploy state "$STATE"_wide.bpf.o --migrate state_seen
	converter <<<$'#!/bin/sh\nexit 0'
	chmod 0777 "$CONVERTER"
	refuses "a converter that everybody may write is not run" "may be written by others" \
		bed_ctl deploy state "$STATE"_wide.bpf.o --migrate state_seen
	is "the version before runs on" "$(slot_is)" "state 1.0.0 true"
	is "nothing is staged" "$(find "$BED"/bpf/slotd/*/gen -name maps)" ""
}

is_converting() {
	local pid

	for pid in $(list_processes); do
		! grep -qaF "$CONVERTER" "/proc/$pid/cmdline" 2>/dev/null || return 0
	done
	return 1
}

is_converter_gone() {
	! is_converting
}

test_killed_while_converting() {
	local before

	converter <<<$'#!/bin/sh\nwhile :; do :; done'
	before=$(chain_state)
	as_nobody deploy state "$STATE"_wide.bpf.o --migrate state_seen >/dev/null 2>&1 &
	in_time "a converter that never ends is running" 20 is_converting
	bed_slotd_stop KILL
	in_time "it dies with slotd" 5 is_converter_gone
	succeeds "slotd starts again" bed_slotd
	is "nothing was changed" "$(chain_state)" "$before"
	is "nothing is staged" "$(find "$BED"/bpf/slotd/*/gen -name maps)" ""
	install -m 0755 "$BED_TOOLS/state_migrate" "$CONVERTER"
	changes "the same deploy succeeds then" \
		deploy state "$STATE"_wide.bpf.o --migrate state_seen
}

only_in_vm layout migrate killed_while_converting
bed_run
