#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
#
# slotd killed after every step, as in test_faults: of what is done to versions that run, canaries
# and slots, and of a rotation of the audit log.

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

test_whether_all_steps_are_met() {
	all_steps_are_met
}

only_in_vm promote
bed_run
