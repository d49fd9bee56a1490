#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A slotd of the next version, whose roots count in another layout, takes over a chain that
# runs, and the old one takes it back: nothing is detached, lost, let through or uncounted.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

setup() {
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "pass" object = "pass.bpf.o" }
		slot 6 { name = "guest" }
	END
	cp "$BED_ROOT/build/bin/slotd" "$BED/slotd_this"
	use this
	bed_slotd_fresh
}

# use this|next: which slotd bed_slotd starts
use() {
	local from=$BED/slotd_this

	[[ $1 == this ]] || from=$BED_TOOLS/slotd_next
	cp "$from" "$BED_BIN/slotd.new" && mv "$BED_BIN/slotd.new" "$BED_BIN/slotd"
}

# restart_as this|next [SIGNAL]
restart_as() {
	bed_slotd_stop "${2:-TERM}"
	use "$1"
	bed_slotd || bail "slotd ($1) starts" "$(bed_log)"
}

root_abi() {
	bed_get slots .root_abi
}

# The programs of the slots, by the pins of generation $1: freplace only.
program_ids() {
	local dir

	dir=$(echo "$BED"/bpf/slotd/*-eth0)
	bpftool -j prog show pinned "$dir/gen/$1/prog_02" | jq .id
	bpftool -j prog show pinned "$dir/gen/$1/prog_05" | jq .id
}

dropped() {
	bed_get stats .slots[0].drop
}

# drop_packets COUNT: of a source that the firewall denies, which nothing else is
drop_packets() {
	local wanted=$(($(dropped) + $1))

	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	send_udp "$1" "$DENIED4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	in_time "$1 packets more are counted" 5 has_dropped "$wanted"
}

has_dropped() {
	[[ $(dropped) == "$1" ]]
}

test_take_over() {
	local before ids

	drop_packets 20
	before=$(dropped)
	[[ $BED_ENGINE != freplace ]] || ids=$(program_ids 1)
	is "the chain has a root of this version" "$(root_abi)" 2
	restart_as next
	is "the next slotd gives it a root of the next" "$(root_abi)" 1000
	is "as the next generation, with the old one as the way back" \
		"$(bed_get slots '"\(.generation) \(.previous)"')" "2 1"
	is "what was counted before counts" "$(dropped)" "$before"
	drop_packets 20
	matches "the log says what was done" "$(bed_log)" \
		"eth0: renew root: generation 2 is active after"
	is "and so does the audit log" \
		"$(tail -n 1 "$BED/state/audit.log" | jq -r '"\(.what) \(.result)"')" "renew root ok"
	[[ $BED_ENGINE != freplace ]] ||
		is "the programs are the same, linked again" "$(program_ids 2)" "$ids"
	changes "a deploy works" deploy guest "$BED_OBJECTS/pass.bpf.o"
}

# Old, next, back, next, with kills in between and a deploy at the end.
test_traffic() {
	local sent denied before

	before=$(dropped)
	deny_source
	start_floods
	restart_as next KILL
	succeeds "packets pass under the new root" more_arrive 50
	changes "back to the old root under load" rollback
	succeeds "packets pass under the old root again" more_arrive 50
	restart_as next KILL
	is "it runs under the new root in the end" "$(root_abi)" 1000
	changes "and is changed there" deploy guest "$BED_OBJECTS/pass.bpf.o"
	succeeds "packets pass still" more_arrive 50
	denied=$(flood_stop denied)
	sent=$(flood_stop allowed)
	in_time "no allowed packet is lost" 3 sink_has 7002 "$sent"
	is "no packet passes unfiltered" "$(sink_count 7001)" 0
	is "each that was denied is counted once, over three roots" \
		"$(($(dropped) - before))" "$denied"
}

canary_seen() {
	bed_get slots '.slots[5].canary.packets.seen'
}

# Half of the flows meet the canary; both layouts have a place for what it answers.
test_canary() {
	local before

	bed_ctl deploy pass "$BED_OBJECTS/firewall.bpf.o" --canary 50% >/dev/null
	in_ns client sh -c "for i in 1 2 3 4 5 6 7 8; do ping -q -c 5 -i 0.01 $SERVER4 & done; wait" \
		>/dev/null
	before=$(canary_seen)
	succeeds "a canary answers ($before)" test "$before" -gt 0
	restart_as next
	is "a canary runs on under the new root" "$(root_abi) $(
		bed_get slots '.slots[5].canary.share_ppm')" "1000 500000"
	succeeds "with what it answered before" test "$(canary_seen)" -ge "$before"
	in_ns client sh -c "for i in 1 2 3 4 5 6 7 8; do ping -q -c 5 -i 0.01 $SERVER4 & done; wait" \
		>/dev/null
	succeeds "and goes on" test "$(canary_seen)" -gt "$before"
	changes "it can be promoted there" promote pass
}

test_kill_while_the_root_is_renewed() {
	local call kills=0 unfinished=0 step=3

	[[ ${SLOTD_TIER:-} != vm ]] || step=5
	deny_source
	start_floods
	for ((call = 1; call < 1000; call += step)); do
		bed_slotd_stop KILL
		use next
		bed_slotd_killed "$call" || break
		kills=$((kills + 1))
		bed_slotd || bail "slotd starts after a kill" "$(bed_log)"
		[[ $(root_abi) == 1000 ]] || unfinished=$((unfinished + 1))
		bed_ctl rollback >/dev/null
		[[ $(root_abi) == 2 ]] || unfinished=$((unfinished + 1))
	done
	succeeds "slotd was killed at several places ($kills)" test "$kills" -gt 3
	is "each start after that finished the upgrade, with a way back" "$unfinished" 0
	check_floods "over kills"
	bed_slotd || bail "slotd starts" "$(bed_log)"
	is "nothing is left behind" "$(find "$BED"/bpf/slotd/*/gen -mindepth 1 -maxdepth 1 | wc -l) $(
		find "$BED"/bpf/slotd -name totals_next | wc -l)" "2 0"
}

test_way_back() {
	local before

	restart_as next
	drop_packets 20
	before=$(dropped)
	changes "a rollback goes to the generation with the old root" rollback
	is "which is that" "$(root_abi)" 2
	is "both layouts are read" "$(dropped)" "$before"
	drop_packets 20
	before=$(dropped)
	is "a plan says that the next change brings a new root" \
		"$(bed_get plan '"\(.has_changes) \(.has_root_change)"')" "true true"
	changes "as an apply does" apply
	is "so it is" "$(root_abi)" 1000
	is "counters go on" "$(dropped)" "$before"
}

test_older_slotd() {
	local before

	restart_as next
	before=$(chain_state)
	restart_as this
	is "a slotd that is older than the root leaves it alone" "$(chain_state)" "$before"
	matches "and says so" "$(bed_log)" "a newer slotd built generation 2, which runs on untouched"
	matches "also in its status" "$(bed_get status '.chains[0].warnings | join(" ")')" \
		"a newer slotd built what runs"
	refuses "it refuses changes" \
		"a newer slotd built what runs on 'eth0' \(root ABI 1000, this one knows up to 2\)" \
		bed_ctl disable firewall
	refuses "an apply too" "go back with slotctl rollback" bed_ctl apply
	changes "but it goes back" rollback
	is "to a root that it knows" "$(root_abi)" 2
	changes "and changes that one" disable firewall
	restart_as next
	is "the newer one takes over again" "$(root_abi)" 1000
	refuses "and still refuses what is wrong" "not reserved" bed_ctl deploy 9 "$BED_OBJECTS/pass.bpf.o"
	restart_as this
	changes "a chain of a newer slotd can be taken off" rollback
	succeeds "for good" bed_ctl detach
}

# An upgrade that cannot be made: the object is no longer there for a program that has to be opened.
test_failure() {
	local before

	bed_slotd_stop
	before=$(xdp_id eth0)
	rm -f "$BED"/state/objects/*
	use next
	bed_slotd || bail "slotd starts" "$(bed_log)"
	is "an upgrade that fails leaves the old root running" "$(xdp_id eth0)" "$before"
	matches "with a warning" "$(bed_log)" "cannot renew the root: .*; generation 1 runs on"
	is "counted and readable" "$(root_abi)" 2
	changes "the next apply brings it" apply
	is "with the objects" "$(root_abi)" 1000
}

only_in_vm take_over traffic kill_while_the_root_is_renewed way_back
bed_run
