/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cgroups: which one a path leads to, and the network namespace of its processes. */
#ifndef SLOT_CGROUP_H
#define SLOT_CGROUP_H

#include <linux/types.h>

/*
 * slot_cgroup_id - the id of the cgroup at @path, as the kernel has it: its inode number, which
 * no other gets before the next reboot. Returns 0, -ENOENT where there is none, or -errno.
 */
int slot_cgroup_id(const char *path, __u64 *ret_id);

/*
 * slot_cgroup_netns_open - the netns that the processes of the cgroup at @path, and of
 * those in it, are in; of several the one with @cookie, and with 0 the only one.
 * Processes in this thread's own do not count: one that is on its way into a container
 * must not lead to the host's interfaces. Returns a descriptor, the caller's, -ENOENT
 * where there is no such process, -ENOTUNIQ where there are several such netns and none
 * was asked for, or -errno. It may be another one at each call.
 */
int slot_cgroup_netns_open(const char *path, __u64 cookie);

#endif
