# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The cgroups of a test, below one of its own, $GROUP. Sourced after bed.sh; who sources it has
# drop_group called at the end.

GROUP=

# By its number, since all have the host's.
find_group() {
	local root

	for root in /sys/fs/cgroup/unified /sys/fs/cgroup /sys/fs/cgroup/memory; do
		[[ -e $root/cgroup.procs ]] && mkdir "$root/slotd-test-$$" 2>/dev/null || continue
		GROUP=$root/slotd-test-$$
		return
	done
	return 1
}

is_group_gone() {
	! [[ -d $GROUP ]] || find "$GROUP" -depth -type d -exec rmdir {} + 2>/dev/null
}

drop_group() {
	wait_for 5 is_group_gone
}
