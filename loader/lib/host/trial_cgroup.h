/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cgroup for as long as a program is tried: in slotd's own, where cgroup2 is mounted and
 * slotd may write. What is attached to the cgroups above runs in it, too.
 */
#ifndef SLOT_TRIAL_CGROUP_H
#define SLOT_TRIAL_CGROUP_H

#include <limits.h>

#include "loader/lib/base/reason.h"

struct slot_trial_cgroup {
	char path[PATH_MAX]; /* empty: none */
};

/*
 * slot_trial_cgroup_add - an empty one. Those that processes which are gone left behind are
 * removed on the way. Returns 0, -ENOENT without cgroup2, or -errno; says why.
 */
int slot_trial_cgroup_add(struct slot_reason *why, struct slot_trial_cgroup *ret_cgroup);

/* slot_trial_cgroup_enter - move this process there. Returns 0 or -errno. */
int slot_trial_cgroup_enter(const struct slot_trial_cgroup *cgroup);

/* slot_trial_cgroup_del - once its processes have ended. Of an empty struct nothing. */
void slot_trial_cgroup_del(struct slot_trial_cgroup *cgroup);

#endif
