#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
#
# slotd killed after every step of every operation, under traffic, and started again. The chain
# is never empty and never a mixture of two generations; it is what it was before the operation
# or what the operation asked for; nothing is left of either. Which steps there are, slotd says
# itself. SLOTD_FAULTS=all takes each of them, otherwise the first and last of a kind.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/faults.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/faults.sh"

setup() {
	BED_DAEMON=$BED_TOOLS/slotd_faults
	faults_start
}

# --- one kill --------------------------------------------------------------------------------

# What has to hold after the restart that follows a kill at $1; $BEFORE and $AFTER are the
# states that may be.
check_whole() {
	local now litter

	now=$(describe)
	[[ $now == "$BEFORE" || $now == "$AFTER" ]] ||
		complain "$1" "neither before nor after: $now" || return
	[[ $now == '[false'* || $(bed_get plan .has_changes) == false || $now == "$BEFORE" ]] ||
		complain "$1" "what runs is not what is recorded" || return
	litter=$(list_litter)
	[[ -z $litter ]] || complain "$1" "left over: $litter" || return
	[[ $now == '[false'* || $(bed_ctl firewall list) == "$RULES" ]] ||
		complain "$1" "rules are lost"
}

# slotd answers before it is killed, or not at all: a broken answer says that it is about to be gone.
is_killed() {
	! bed_ctl status && wait_for 5 is_gone "$BED_SLOTD"
}

forget_slotd() {
	disown "$BED_SLOTD" 2>/dev/null
	BED_SLOTD=
	fault_disarm
}

# run_killed POINT COUNT OPERATION...: returns 1 where the step was not met this time, as an object
# is written to the store only once
run_killed() {
	fault_arm "$1" "$2" kill
	"${@:3}" >/dev/null 2>&1
	if ! is_killed >/dev/null 2>&1; then
		fault_disarm
		return 1
	fi
	forget_slotd
	KILLS=$((KILLS + 1))
	echo "$1" >>"$BED/killed"
}

restart() {
	[[ $IS_OFF_FINE || -n $(xdp_id eth0) ]] || complain "$1" "the interface is bare" || return
	[[ -z $BED_SLOTD ]] || return 0
	bed_slotd || complain "$1" "slotd does not start"
}

# at_every_step UNDO OPERATION...: both are functions; OPERATION is killed at each step it has
at_every_step() {
	local undo=$1 point count
	shift
	KILLS=0
	BEFORE=$(describe)
	fault_trace "$@" >/dev/null || complain "no step" "the operation itself fails" || return
	AFTER=$(describe)
	[[ $AFTER != "$BEFORE" || $undo == true ]] || complain "no step" "nothing is changed" || return
	bring_back "$undo" || return
	while read -r point count; do
		! run_killed "$point" "$count" "$@" || restart "$point $count" || return
		check_whole "$point $count" && bring_back "$undo" || return
	done < <(choose_points)
}

# survives NAME UNDO OPERATION...: at_every_step under traffic, and the points about it
survives() {
	local IS_OFF_FINE='' KILLS=0

	start_streams
	succeeds "killed after any step of $1, slotd comes back with a whole chain" \
		at_every_step "${@:2}"
	matches "there were steps: $KILLS ($1)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	check_streams "$1"
	nothing_is_left "$1"
}

# --- operations ------------------------------------------------------------------------------

test_deploy() {
	survives "a deploy with a new map" run_undeploy run_deploy
}

test_apply() {
	survives "an apply of two new versions at once" run_apply_first run_apply_next
}

test_deploy_of_two() {
	survives "a deploy of two slots" run_deploy_pair_first run_deploy_pair
}

test_canary() {
	run_deploy >/dev/null
	survives "a deploy of a canary" run_abort run_canary
}

test_abort() {
	run_deploy >/dev/null
	run_canary >/dev/null
	survives "an abort" run_canary run_abort
}

test_promote() {
	run_deploy >/dev/null
	run_canary >/dev/null
	survives "a promote" run_demote run_promote
}

test_slot_rollback() {
	run_deploy >/dev/null
	bed_ctl deploy guest "$STATE_NEXT" >/dev/null
	survives "a rollback of one slot" run_slot_rollback run_slot_rollback
}

test_reset() {
	run_deploy >/dev/null
	survives "a deploy that starts a map empty" run_slot_rollback run_reset
}

test_watch() {
	run_deploy >/dev/null
	survives "a deploy that is watched" run_slot_rollback run_watched
}

test_reload() {
	survives "a reload of two new versions at once" run_apply_first run_reload_next
}

test_undeploy() {
	run_deploy >/dev/null
	survives "an undeploy" run_deploy run_undeploy
}

test_disable() {
	run_deploy >/dev/null
	survives "a disable" run_enable run_disable
}

test_enable() {
	run_deploy >/dev/null
	run_disable >/dev/null
	survives "an enable" run_disable run_enable
}

test_rollback() {
	run_deploy >/dev/null
	survives "a rollback" run_rollback run_rollback
}

# The packets meanwhile meet a chain or none, as asked.
test_detach() {
	local IS_OFF_FINE=yes KILLS=0

	succeeds "killed after any step of a detach, slotd comes back with the chain off or on" \
		at_every_step run_attach run_detach
	matches "there were steps: $KILLS (detach)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	nothing_is_left "a detach"
}

# A start that finds a change swapped in and nothing more, killed at each of its steps.
start_half_done() {
	run_killed change.swapped 1 run_deploy
}

# start_killed POINT COUNT: a start that ends there
start_killed() {
	fault_arm "$1" "$2" kill
	if bed_slotd; then
		fault_disarm
		bed_slotd_stop
		return
	fi
	forget_slotd
	KILLS=$((KILLS + 1))
	echo "$1" >>"$BED/killed"
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

first_start_at_every_step() {
	local point count

	BEFORE=$(describe)
	AFTER=$BEFORE RULES=''
	start_as_new
	fault_trace bed_slotd || return
	while read -r point count; do
		start_as_new
		start_killed "$point" "$count"
		restart "$point $count" && check_whole "$point $count" || return
	done < <(choose_points)
}

test_first_start() {
	local IS_OFF_FINE=yes KILLS=0

	succeeds "killed after any step of a first start, slotd starts the next time" \
		first_start_at_every_step
	matches "there were steps: $KILLS (first start)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	nothing_is_left "a first start"
}

only_in_vm deploy_of_two promote take_over
bed_run
