# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# slotd killed at a step, started again, and what has to hold then. Counts in $KILLS;
# $IS_OFF_FINE: the interface may be bare in between. Sourced after faults.sh.

# Which test has which step.
STEPS=$BED_ROOT/tests/system/faults.tsv

# count_kill POINT
count_kill() {
	KILLS=$((KILLS + 1))
	echo "$1" >>"$FAULTS/killed"
}

# What has to hold after the restart that follows a kill at $1; $BEFORE and $AFTER are the
# states that may be.
check_whole() {
	local now litter

	now=$(describe)
	is_either "$now" ||
		complain "$1" "neither before nor after: $now" || return
	[[ $now == '[false'* || ${#CHAINS[@]} -gt 1 || $now == "$BEFORE" ||
		$(bed_get plan .has_changes) == false ]] ||
		complain "$1" "what runs is not what is recorded" || return
	litter=$(list_litter)
	[[ -z $litter ]] || complain "$1" "left over: $litter" || return
	[[ $now == '[false'* || $(bed_ctl --chain "${CHAINS[0]}" firewall list) == "$RULES" ]] ||
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
	count_kill "$1"
}

restart() {
	[[ $IS_OFF_FINE || -n $(xdp_id "${CHAINS[0]}") ]] ||
		complain "$1" "the interface is bare" || return
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

# start_killed POINT COUNT: a start that ends there
start_killed() {
	fault_arm "$1" "$2" kill
	if bed_slotd; then
		fault_disarm
		bed_slotd_stop
		return
	fi
	forget_slotd
	count_kill "$1"
}

# at_every_step_by_itself UNDO EVENT...: slotd does by itself what EVENT, a function, waits for, and
# does it after a restart as well
at_every_step_by_itself() {
	local undo=$1 point count
	shift
	BEFORE=$(describe)
	fault_trace "$@" || complain "no step" "slotd does not do it" || return
	AFTER=$(describe)
	"$undo" || return
	while read -r point count; do
		fault_arm "$point" "$count" kill
		"$@" >/dev/null 2>&1
		wait_for 2 is_gone "$BED_SLOTD" && forget_slotd && count_kill "$point"
		fault_disarm
		restart "$point $count" || return
		"$@" || complain "$point $count" "what was to be done is not" || return
		check_whole "$point $count" && "$undo" || return
	done < <(choose_points)
}

# steps_without FILE: those that faults.tsv has for this script, engine and kernel and that FILE lacks
steps_without() {
	awk -F '\t' -v test="$(basename "$0" .sh)" -v engine="$BED_ENGINE" \
		-v tcx="$(! has_tcx || echo tcx)" \
		'$2 == test && (!$3 || $3 == engine || $3 == tcx) { print $1 }' "$STEPS" |
		grep -vxFf <(sort -u "$1")
}

# all_steps_are_met: the last function of a script, when all others ran
all_steps_are_met() {
	is "the operations meet every step that faults.tsv says" "$(steps_without "$FAULTS/met")" ""
	[[ ${SLOTD_FAULTS:-} != all || ${SLOTD_TIER:-} == vm ]] ||
		is "and slotd was killed after each" "$(steps_without "$FAULTS/killed")" ""
	rm "$FAULTS/met" "$FAULTS/killed"
}
