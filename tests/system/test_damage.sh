#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Somebody removes pins by hand, while slotd runs or while it does not: what filters goes on
# filtering, the next change works and puts back what keeps the chain alive without slotd.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/faults.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/faults.sh"

setup() {
	BED_DAEMON=$BED_BIN/slotd
	faults_start
	bed_ctl deploy guest "$STATE" >/dev/null
}

# remove_pin KIND: of the generation that runs, or of the chain
remove_pin() {
	local chain current

	chain=$(echo "$BED"/bpf/slotd/*-eth0)
	current=$chain/gen/$(bed_get slots .generation)
	case $1 in
	root | counters) rm "$current/$1" ;;
	link | totals) rm "$chain/$1" ;;
	maps) rm -r "$chain/maps/guest" ;;
	generation) rm -r "$current" ;;
	*) rm -r "$chain" ;;
	esac
}

# Changed, killed and started again: the chain is on and whole.
is_whole_after_a_change() {
	bed_ctl deploy guest "$STATE_NEXT" || return
	bed_slotd_stop KILL
	[[ -n $(xdp_id eth0) ]] || {
		echo "the interface is bare without slotd"
		return 1
	}
	bed_slotd || {
		bed_log | tail -n 3
		return 1
	}
	[[ $(bed_get slots '"\(.attached) \(.slots[5].version)"') == "true 1.1.0" ]] || return
	bed_ctl deploy guest "$STATE"
}

test_removed_while_slotd_runs() {
	local kind

	start_streams
	for kind in link root counters totals maps; do
		remove_pin "$kind"
		succeeds "pin removed by hand ($kind): a change, a kill and a start find a whole chain" \
			is_whole_after_a_change
	done
	check_streams "pins removed while slotd runs"
	# the links of freplace's slots go with it, and a slot without one denies what it sees
	remove_pin generation
	succeeds "a generation removed by hand: packets are not let past" no_ping "$SERVER4" "$DENIED4"
	succeeds "a change, a kill and a start find a whole chain" is_whole_after_a_change
	nothing_is_left "pins removed while slotd runs"
}

# The whole folder: with it go the rules, for programs that come after.
test_folder_removed_while_slotd_runs() {
	remove_pin folder
	succeeds "the packets are still filtered" no_ping "$SERVER4" "$DENIED4"
	succeeds "the chain's folder removed by hand: a change, a kill and a start find a whole chain" \
		is_whole_after_a_change
	nothing_is_left "a folder removed while slotd runs"
}

test_removed_while_slotd_is_away() {
	local kind before

	start_streams
	for kind in counters totals maps; do
		before=$(xdp_id eth0)
		# which generation runs is asked of slotd
		remove_pin "$kind"
		bed_slotd_stop KILL
		succeeds "slotd starts without that pin ($kind)" bed_slotd
		is "and adopts what runs ($kind)" "$(xdp_id eth0)" "$before"
		succeeds "which can be changed, killed and started again ($kind)" is_whole_after_a_change
	done
	check_streams "pins removed while slotd is away"
}

map_id() {
	bpftool -j map show pinned "$1" | jq .id
}

# The map of a program that runs is still there, and the next version shall have it.
test_map_removed_while_slotd_is_away() {
	local maps before lines

	maps=$(echo "$BED"/bpf/slotd/*-eth0/maps)
	before=$(map_id "$maps/guest/state_seen")
	bed_slotd_stop KILL
	rm "$maps/guest/state_seen"
	lines=$(bed_log_lines)
	succeeds "slotd starts without the pin of a map" bed_slotd
	matches "the log names the map" "$(bed_log "$lines")" \
		"map 'state_seen' of slot 5 \(guest\) was removed; it was pinned again"
	matches "the status as well" "$(bed_get status '.chains[0].warnings[]')" \
		"'state_seen' of slot 5"
	is "it is the one that runs" "$(map_id "$maps/guest/state_seen")" "$before"
	is "with the mode that it had" "$(stat -c %a "$maps/guest/state_seen")" 600
	succeeds "the next version is deployed" bed_ctl deploy guest "$STATE_NEXT"
	is "and goes on with it" "$(map_id "$maps/guest/state_seen")" "$before"
	bed_slotd_stop
	rm "$maps/guest/state_seen" "$maps"/firewall/*
	lines=$(bed_log_lines)
	succeeds "slotd starts without the pins of two slots" bed_slotd
	matches "each of them is told of" "$(bed_log "$lines" | tr '\n' ' ')" \
		"of slot 2 \(firewall\) were removed.* 'state_seen' of slot 5"
	succeeds "the packets are still filtered" no_ping "$SERVER4" "$DENIED4"
}

# Without the pin of what runs nothing tells what it is: left alone, with one line.
test_root_removed_while_slotd_is_away() {
	local before lines

	before=$(xdp_id eth0)
	remove_pin root
	bed_slotd_stop KILL
	lines=$(bed_log_lines)
	bed_slotd
	is "a chain that cannot be understood keeps slotd from starting" "$BED_SLOTD_STATUS" 1
	matches "which says what to do" "$(bed_log "$lines")" 'it was left alone \(to start over: rm -r'
	is "it runs on" "$(xdp_id eth0)" "$before"
	succeeds "and filters" no_ping "$SERVER4" "$DENIED4"
	remove_pin folder
	wait_for 5 is_bare eth0
	succeeds "that done, slotd starts" bed_slotd
	is "with what was deployed" "$(bed_get slots .slots[5].program)" state
}

# Unpinning the link while no slotd holds it takes the chain off; the start brings it back.
test_link_removed_while_slotd_is_away() {
	bed_slotd_stop KILL
	rm "$BED"/bpf/slotd/*-eth0/link
	in_time "without slotd the pin of the link is what holds the chain" 5 is_bare eth0
	succeeds "slotd starts" bed_slotd
	matches "the same chain is on again" "$(xdp_id eth0)" '^[0-9]+$'
	succeeds "with its rules" no_ping "$SERVER4" "$DENIED4"
	nothing_is_left "a link removed while slotd is away"
}

only_in_vm removed_while_slotd_runs removed_while_slotd_is_away
bed_run
