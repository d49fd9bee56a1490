#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
#
# slotd killed after every step of an operation, under traffic, and started again: of those that
# bring new versions; the others are in test_faults_slots, _starts and _chains. The chain
# is never empty and never a mixture of two generations; it is what it was before the operation
# or what the operation asked for; nothing is left of either. Which steps there are, slotd says
# itself. SLOTD_FAULTS=all takes each of them, otherwise some of the first and last of a kind.

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

test_deploy() {
	survives "a deploy with a new map" run_undeploy run_deploy
}

test_apply() {
	survives "an apply of two new versions at once" run_apply_first run_apply_next
}

test_deploy_of_two() {
	survives "a deploy of two slots" run_deploy_pair_first run_deploy_pair
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

test_whether_all_steps_are_met() {
	is "faults.tsv has every step of the build, and no other" \
		"$(sed '/^#/d' "$STEPS" | cut -f 1 | sort)" "$(list_points)"
	all_steps_are_met
}

only_in_vm deploy_of_two
bed_run
