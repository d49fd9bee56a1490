#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
#
# slotd killed after every step of a start, as in test_faults: of one that finishes a change, the
# first of all, after a reboot, under another name of the interface, with totals of slotd 0.1.0.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/faults.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/faults.sh"
# shellcheck source=tests/support/kills.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/kills.sh"

setup() {
	BED_DAEMON=$BED_TOOLS/slotd_faults
	faults_start
}

# A start that finds a change swapped in and nothing more, killed at each of its steps.
start_half_done() {
	run_killed change.swapped 1 run_deploy
}

# take_over_killed POINT COUNT
take_over_killed() {
	start_half_done || complain "$1 $2" "the change was not interrupted" || return
	start_killed "$1" "$2"
	restart "$1 $2" && check_whole "$1 $2" && bring_back run_undeploy
}

take_over_at_every_step() {
	local point count

	BEFORE=$(describe)
	start_half_done || return
	fault_trace bed_slotd || return
	AFTER=$(describe)
	bring_back run_undeploy || return
	while read -r point count; do
		take_over_killed "$point" "$count" || return
	done < <(choose_points)
}

test_take_over() {
	local IS_OFF_FINE='' KILLS=0

	start_streams
	succeeds "killed after any step of a start that finishes a change, slotd finishes it" \
		take_over_at_every_step
	matches "there were steps: $KILLS (take-over)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	check_streams "a take-over"
	nothing_is_left "a take-over"
}

# As at the first boot: nothing known, nothing pinned.
start_as_new() {
	bed_ctl detach >/dev/null 2>&1
	bed_slotd_stop
	rm -rf "$BED/state"
	mkdir "$BED/state"
}

# start_at_every_step COMMAND: what COMMAND has left is what slotd, killed at each step, starts from
start_at_every_step() {
	local point count

	BEFORE=$(describe)
	AFTER=$BEFORE RULES=''
	"$1"
	fault_trace bed_slotd || return
	while read -r point count; do
		"$1"
		start_killed "$point" "$count"
		restart "$point $count" && check_whole "$point $count" || return
	done < <(choose_points)
}

test_first_start() {
	local IS_OFF_FINE=yes KILLS=0

	succeeds "killed after any step of a first start, slotd starts the next time" \
		start_at_every_step start_as_new
	matches "there were steps: $KILLS (first start)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	nothing_is_left "a first start"
}

# As after a power cut: nothing pinned, the disk as it was; the generations that it tells of are gone.
start_as_booted() {
	bed_slotd_stop KILL
	umount "$BED/bpf"
	mount -t bpf bpf "$BED/bpf"
	wait_for 10 is_bare eth0
}

test_boot() {
	local IS_OFF_FINE=yes KILLS=0

	run_deploy >/dev/null
	bed_ctl deploy left "$PAIR_NEXT" >/dev/null
	succeeds "killed after any step of a start after a reboot, slotd has what ran at the next" \
		start_at_every_step start_as_booted
	matches "there were steps: $KILLS (boot)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	nothing_is_left "a start after a reboot"
}

# --- the interface has another name ------------------------------------------------------------

# rename_to NAME: the interface of the chain, while slotd is away
rename_to() {
	local from=${CHAINS[0]}

	bed_slotd_stop
	in_ns edge ip link set dev "$from" down && in_ns edge ip link set dev "$from" name "$1" &&
		in_ns edge ip link set dev "$1" up || return
	sed -i "1s/\"$from\"/\"$1\"/" "$BED/slots.conf"
	CHAINS=("$1")
}

rename_it() {
	if [[ ${CHAINS[0]} == eth0 ]]; then rename_to wan0; else rename_to eth0; fi
}

rename_at_every_step() {
	local point count program

	BEFORE=$(describe)
	AFTER=$BEFORE
	program=$(xdp_id eth0)
	rename_it && fault_trace bed_slotd || return
	while read -r point count; do
		rename_it
		start_killed "$point" "$count"
		restart "$point $count" && check_whole "$point $count" || return
		[[ $(xdp_id "${CHAINS[0]}") == "$program" ]] ||
			complain "$point $count" "another program runs" || return
	done < <(choose_points)
}

test_renamed() {
	local IS_OFF_FINE='' KILLS=0 POINTS_OF=. CHAINS=(eth0)

	succeeds "killed after any step of a start under a new name, slotd finishes the move" \
		rename_at_every_step
	matches "there were steps: $KILLS (renamed)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	nothing_is_left "a start under a new name"
	in_ns edge ip link delete "${CHAINS[0]}"
	make_client_wire || bail "the wire is there again"
}

# --- totals of an earlier version --------------------------------------------------------------

# Totals as slotd 0.1.0 pinned them, in which all was counted 100 times: 182 counters, 17 numbers
# of generations that are in them, 8 bytes each.
pin_old_totals() {
	local pin counters numbers

	bed_slotd_stop
	pin=$(echo "$BED"/bpf/slotd/*-eth0/totals)
	read -ra counters < <(printf '100 0 0 0 0 0 0 0 %.0s' {1..182})
	read -ra numbers < <(printf '0 0 0 0 0 0 0 0 %.0s' {1..17})
	rm "$pin" && bpftool map create "$pin" type array key 4 value 1592 entries 1 name root_totals &&
		bpftool map update pinned "$pin" key 0 0 0 0 value "${counters[@]}" "${numbers[@]}"
}

# check_totals POINT: they were carried over whole, and once
check_totals() {
	local dropped

	dropped=$(bed_get stats .slots[0].drop)
	[[ $dropped == 100 ]] || complain "$1" "the totals are lost: $dropped" || return
	[[ ! -e $(echo "$BED"/bpf/slotd/*-eth0)/totals_next ]] || complain "$1" "totals_next is left"
}

carry_at_every_step() {
	local point count

	BEFORE=$(describe)
	AFTER=$BEFORE
	pin_old_totals && fault_trace bed_slotd || return
	while read -r point count; do
		pin_old_totals || return
		start_killed "$point" "$count"
		restart "$point $count" && check_whole "$point $count" &&
			check_totals "$point $count" || return
	done < <(choose_points)
}

test_old_totals() {
	local IS_OFF_FINE='' KILLS=0 POINTS_OF=.

	succeeds "killed after any step of a start that carries totals over, slotd has them" \
		carry_at_every_step
	matches "there were steps: $KILLS (old totals)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	nothing_is_left "totals of an earlier version"
}

test_whether_all_steps_are_met() {
	all_steps_are_met
}

only_in_vm take_over
bed_run
