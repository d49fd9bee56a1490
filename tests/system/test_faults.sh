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
# shellcheck source=tests/support/kills.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/kills.sh"

setup() {
	BED_DAEMON=$BED_TOOLS/slotd_faults
	faults_start
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

test_migrate() {
	run_deploy >/dev/null
	# where the manifest of its object says, on a tmpfs of this test's own
	mount -t tmpfs -o mode=0755 slotd-mnt /mnt
	install -m 0755 "$BED_TOOLS/state_migrate" /mnt/state-migrate
	survives "a deploy whose converter fills a map" run_rollback run_migrate
	umount /mnt
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

# The audit log is full: its last line once more behind 8 MiB.
fill_audit_log() {
	local last

	last=$(tail -n 1 "$BED/state/audit.log")
	truncate -s +8M "$BED/state/audit.log"
	printf '\n%s\n' "$last" >>"$BED/state/audit.log"
}

run_rotated() { fill_audit_log && run_deploy; }

# Numbers of all lines, over all files: none is missing, none is given twice for two things.
audit_is_whole() {
	cat "$BED"/state/audit.log* | tr -d '\0' | grep . | sort -u >"$BED/audit"
	jq -s '[.[].seq] | sort | (length == (unique | length)) and (.[-1] - .[0] + 1 == length)' \
		"$BED/audit" | grep -qx true || {
		jq -c '[.seq, .what, .result]' "$BED/audit"
		return 1
	}
}

test_audit_rotation() {
	local POINTS_OF=audit

	survives "a rotation of the audit log" run_undeploy run_rotated
	succeeds "the audit log has every line once" audit_is_whole
}

# As after a power cut: nothing pinned, the disk as it was; the generations that it tells of are gone.
start_as_booted() {
	bed_slotd_stop KILL
	umount "$BED/bpf"
	mount -t bpf bpf "$BED/bpf"
	wait_for 10 is_bare eth0
}

boot_at_every_step() {
	local point count

	BEFORE=$(describe)
	AFTER=$BEFORE RULES=''
	start_as_booted
	fault_trace bed_slotd || return
	while read -r point count; do
		start_as_booted
		start_killed "$point" "$count"
		restart "$point $count" && check_whole "$point $count" || return
	done < <(choose_points)
}

test_boot() {
	local IS_OFF_FINE=yes KILLS=0

	run_deploy >/dev/null
	bed_ctl deploy left "$PAIR_NEXT" >/dev/null
	succeeds "killed after any step of a start after a reboot, slotd has what ran at the next" \
		boot_at_every_step
	matches "there were steps: $KILLS (boot)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	nothing_is_left "a start after a reboot"
}

only_in_vm deploy_of_two promote take_over
bed_run
