#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# slotd killed between any two system calls of a change that leave something behind. Packets see
# a whole chain all along, and the next start finishes or undoes the rest.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

STATE=$BED_PROGS/system/progs/state.bpf.o
# Where everything takes its time, only every few calls.
STEP=1
[[ ${SLOTD_TIER:-} != vm ]] || STEP=4

setup() {
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" }
	END
	list_objects >"$BED/before"
	bed_slotd_fresh
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	RULES=$(bed_ctl firewall list)
}

# kill_in COUNT COMMAND...: slotctl with these words, slotd killed at its COUNT-th call. Returns 1
# when slotd was done before.
kill_in() {
	local killer status=0

	: >"$BED/killer"
	spawn edge "$BED/killer" "$BED_TOOLS/kill_at" "$1" "$BED_SLOTD"
	killer=$BED_SPAWNED
	wait_for 5 grep -q ready "$BED/killer" || return 1
	bed_ctl "${@:2}" >/dev/null 2>&1
	# when it was not killed, slotd has answered; what it does after that does not matter
	if is_slotd_alive; then
		stop "$killer"
		return 1
	fi
	disown "$BED_SLOTD" 2>/dev/null
	BED_SLOTD=
	wait "$killer" || status=$?
	return "$status"
}

# An answered request means that slotd lives; a broken one, that it is about to be gone.
is_slotd_alive() {
	bed_ctl status >/dev/null 2>&1
}

complain() {
	echo "killed at call $1: $2"
	bed_ctl slots
	find "$BED/bpf/slotd"
	bed_log | tail -n 12
	return 1
}

# What has to hold after the restart that follows a kill at call $1.
check_whole() {
	local chain changes

	read -r changes chain < <({ bed_ctl plan --json; bed_ctl slots --json; } 2>/dev/null |
		jq -rs '"\(.[0].has_changes) \(.[1] | "\(.attached) \(.slots[2] | "\(.running) \(.version)")")"')
	[[ $chain == "true true 1.1.0" ]] ||
		complain "$1" "the chain is not whole: $chain" || return
	[[ $changes == false ]] || complain "$1" "what runs is not what is recorded" || return
	[[ $(find "$BED"/bpf/slotd/*/gen -mindepth 1 -maxdepth 1 | wc -l) -le 2 ]] ||
		complain "$1" "generations are left over" || return
	[[ -z $(find "$BED"/bpf/slotd/*/gen -mindepth 2 -path '*/maps/*') ]] ||
		complain "$1" "staged maps are left over" || return
	[[ $(bed_ctl firewall list) == "$RULES" ]] || complain "$1" "rules are lost"
}

# at_every_call COMMAND_OF_SLOTCTL...: with $UNDO in between, until a call number is too high
at_every_call() {
	local count

	for ((count = 1; count < 1000; count += STEP)); do
		kill_in "$count" "$@" || break
		[[ -n $(xdp_id eth0) ]] || complain "$count" "the interface is bare" || return
		bed_slotd || complain "$count" "slotd does not start" || return
		check_whole "$count" || return
		# shellcheck disable=SC2086 # several words
		[[ -z $UNDO ]] || bed_ctl $UNDO >/dev/null || return
	done
	KILLS=$((count / STEP))
}

nothing_is_left() {
	bed_ctl detach >/dev/null
	bed_slotd_stop
	left_since "$BED/before" >"$BED/made"
	in_time "no program, map or link is left when the chain is off" 20 have_gone "$BED/made"
}

test_deploy() {
	local UNDO="undeploy guest" KILLS=0

	start_floods
	succeeds "killed at any call of a deploy with a new map, slotd comes back with a whole chain" \
		at_every_call deploy guest "$STATE"
	is "it was killed often enough to mean something" $((KILLS * STEP > 15)) 1
	check_floods "over kills"
	nothing_is_left
}

test_rollback() {
	local UNDO='' KILLS=0

	bed_ctl deploy guest "$STATE" >/dev/null
	start_floods
	succeeds "killed at any call of a rollback, slotd comes back with a whole chain" \
		at_every_call rollback
	is "it was killed often enough to mean something" $((KILLS * STEP > 3)) 1
	check_floods "over kills"
	nothing_is_left
}

# Either it is off as if nothing had been, or it is on as before.
check_off_or_on() {
	if [[ $(bed_get slots .attached) == true ]]; then
		check_whole "$1"
	else
		[[ -z $(xdp_id eth0) ]] || complain "$1" "a program is left on the interface" || return
		[[ -z $(find "$BED/bpf/slotd" -name link) ]] || complain "$1" "a link is left"
	fi
}

detach_at_every_call() {
	local count

	for ((count = 1; count < 1000; count += STEP)); do
		kill_in "$count" detach || break
		bed_slotd || complain "$count" "slotd does not start" || return
		check_off_or_on "$count" || return
		bed_ctl apply >/dev/null || return
		bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	done
	KILLS=$((count / STEP))
}

test_detach() {
	local KILLS=0

	succeeds "killed at any call of a detach, slotd comes back with the chain off or on" \
		detach_at_every_call
	is "it was killed often enough to mean something" $((KILLS * STEP > 10)) 1
	nothing_is_left
}

start_at_every_call() {
	local count

	for ((count = 1; count < 1000; count += STEP)); do
		bed_ctl detach >/dev/null
		bed_slotd_stop
		rm -rf "$BED/state"
		bed_slotd_killed "$count" || break
		bed_slotd || complain "$count" "slotd does not start" || return
		RULES='' check_whole "$count" || return
	done
	KILLS=$((count / STEP))
	bed_slotd
}

test_first_start() {
	local KILLS=0

	succeeds "killed at any call of a first start, slotd starts the next time" start_at_every_call
	is "it was killed often enough to mean something" $((KILLS * STEP > 40)) 1
	nothing_is_left
}

only_in_vm deploy first_start
bed_run
