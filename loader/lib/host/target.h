/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding the interface that a chain belongs to. */
#ifndef SLOT_TARGET_H
#define SLOT_TARGET_H

#include "loader/lib/config/config.h"
#include "loader/lib/host/pins.h"

/*
 * slot_target_find - the interface that @place leads to, for the chain called
 * @chain; where its cgroup has several netns, in the one with @cookie (0: none). The netns is named by its cookie (SO_NETNS_COOKIE, Linux 5.14), which
 * no other netns gets before the next reboot; inode numbers come back.
 * @ret_target borrows @chain; its ifindex is 0 when there is no such interface
 * now, or it is no port of the master that it has to have, and the cookie is 0
 * where there is no such netns. Returns 0 or -errno.
 */
int slot_target_find(const struct slot_place *place, const char *chain, __u64 cookie,
		     struct slot_target *ret_target);

#endif
