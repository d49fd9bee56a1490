/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding the interface that a chain belongs to. */
#ifndef SLOT_TARGET_H
#define SLOT_TARGET_H

#include "loader/lib/host/pins.h"

/*
 * slot_target_find - the interface called @interface in this thread's netns. The
 * netns is named by its cookie (SO_NETNS_COOKIE, Linux 5.14), which no other
 * netns gets before the next reboot; inode numbers come back. @ret_target borrows
 * @interface; its ifindex is 0 when there is no such interface now. Returns 0 or -errno.
 */
int slot_target_find(const char *interface, struct slot_target *ret_target);

#endif
