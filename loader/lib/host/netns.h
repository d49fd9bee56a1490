/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Other network namespaces, entered for a few calls at a time. No descriptor of
 * one is kept: it would keep the namespace alive when its owner deletes it.
 */
#ifndef SLOT_NETNS_H
#define SLOT_NETNS_H

#include <stdbool.h>

#include <linux/types.h>

/*
 * slot_netns_open - the netns at @path as a descriptor, the caller's: a file that is one,
 * or, of a folder in /sys/fs/cgroup, that of the cgroup's processes (cgroup.h), of several
 * the one with @cookie. Returns -ENOENT where there is none, -ENOTUNIQ where the processes
 * have several and @cookie is 0, or -errno.
 */
int slot_netns_open(const char *path, __u64 cookie);

/* slot_netns_is_of_cgroup - whether @path is that of a cgroup, whose netns may change unheard. */
bool slot_netns_is_of_cgroup(const char *path);

/*
 * slot_netns_enter - let this thread work in the netns at @path (slot_netns_open); an
 * empty path is its own, where it stays. Of another one than that with @cookie it stays
 * out, unless that is 0. @ret_home is for slot_netns_leave. Returns 0, -ENOENT when no
 * such netns is there (or not yet: `ip netns add` makes a plain file first), or -errno.
 * Needs CAP_SYS_ADMIN. Other threads are not affected.
 */
int slot_netns_enter(const char *path, __u64 cookie, int *ret_home);

/* slot_netns_join - the same for the netns that @fd is. */
int slot_netns_join(int fd, int *ret_home);

/*
 * slot_netns_cookie - the cookie of the netns that this thread is in (SO_NETNS_COOKIE,
 * Linux 5.14), which no other gets before the next reboot. Returns 0 or -errno.
 */
int slot_netns_cookie(__u64 *ret_cookie);

/*
 * slot_netns_leave - back from slot_netns_enter; -1 is fine, so that it serves as
 * a _cleanup_. A thread that cannot come back would go on to work on interfaces
 * of others: it aborts.
 */
void slot_netns_leave(const int *home);

#endif
