/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links of the hooks of sockets: of sock_ops to a cgroup, of sk_lookup to the network
 * namespace that this thread is in. sk_reuseport has none (jump.h).
 */
#ifndef SLOT_SOCK_H
#define SLOT_SOCK_H

#include <stdbool.h>

#include <linux/bpf.h>

#include "loader/lib/config/config.h"

/*
 * slot_sock_attach - attach @prog_fd at @hook, behind what others attached there: to the cgroup
 * at the path @cgroup, or to this thread's netns. Returns the link's descriptor, -ENOENT where
 * there is no such cgroup, -EBADF where it is none of cgroup v2, or -errno.
 */
int slot_sock_attach(enum slot_hook hook, const char *cgroup, int prog_fd);

/* slot_sock_is_alive - whether what the link of @hook that @info describes is attached to is there.
 * Returns 1, 0, or -EINVAL for a link of another hook.
 */
int slot_sock_is_alive(enum slot_hook hook, const struct bpf_link_info *info);

/*
 * slot_sock_check - whether the cgroup at @cgroup, or this thread's netns, runs the program with
 * the id @prog_id at @hook. Returns 1, 0 (also where there is no such cgroup), or -errno.
 */
int slot_sock_check(enum slot_hook hook, const char *cgroup, __u32 prog_id);

#endif
