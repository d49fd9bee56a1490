/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding what a chain belongs to: an interface, or for sockets a cgroup or a netns. */
#ifndef SLOT_TARGET_H
#define SLOT_TARGET_H

#include "loader/lib/config/config.h"
#include "loader/lib/host/pins.h"

/* Stands for the number of an interface where chains have none: what they belong to is there. */
#define SLOT_TARGET_THERE 1

/*
 * slot_target_find - what @place leads to at @hook, for the chain called @chain; where its
 * cgroup has several netns, in the one with @cookie (0: none). The netns is named by its cookie
 * (SO_NETNS_COOKIE, Linux 5.14), which no other netns gets before the next reboot; inode numbers
 * come back. Of sock_ops the cookie is the cgroup's id, which is its inode number and not
 * used again either; chains of sk_reuseport belong to nothing: they share this thread's netns.
 * @ret_target borrows @chain; its ifindex is 0 when there is no such interface or cgroup
 * now, or it is no port of the master that it has to have, and the cookie is 0
 * where there is no such netns or cgroup. Returns 0 or -errno.
 */
int slot_target_find(enum slot_hook hook, const struct slot_place *place, const char *chain,
		     __u64 cookie, struct slot_target *ret_target);

#endif
