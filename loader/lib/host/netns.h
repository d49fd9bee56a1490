/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Other network namespaces, entered for a few calls at a time. No descriptor of
 * one is kept: it would keep the namespace alive when its owner deletes it.
 */
#ifndef SLOT_NETNS_H
#define SLOT_NETNS_H

#include <stdbool.h>

/*
 * slot_netns_open - the netns at @path as a descriptor, the caller's: a file that is one,
 * or, of a folder in /sys/fs/cgroup, that of the cgroup's processes (cgroup.h). Returns
 * -ENOENT where there is none, -ENOTUNIQ where the processes have several, or -errno.
 */
int slot_netns_open(const char *path);

/* slot_netns_is_of_cgroup - whether @path is that of a cgroup, whose netns may change unheard. */
bool slot_netns_is_of_cgroup(const char *path);

/*
 * slot_netns_enter - let this thread work in the netns at @path (slot_netns_open); an
 * empty path is its own, where it stays. @ret_home is for slot_netns_leave. Returns 0,
 * -ENOENT when no netns is there (or not yet: `ip netns add` makes a plain file
 * first), or -errno. Needs CAP_SYS_ADMIN. Other threads are not affected.
 */
int slot_netns_enter(const char *path, int *ret_home);

/*
 * slot_netns_leave - back from slot_netns_enter; -1 is fine, so that it serves as
 * a _cleanup_. A thread that cannot come back would go on to work on interfaces
 * of others: it aborts.
 */
void slot_netns_leave(const int *home);

#endif
