/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owners of slots, "user" or "@group", as the host's accounts have them. */
#ifndef SLOT_OWNER_H
#define SLOT_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

struct slot_owner {
	bool is_group;
	uid_t uid; /* root's where it is a group */
	gid_t gid; /* root's where it is a user */
};

/* slot_owner_find - look @owner up (getpwnam, getgrnam). Returns 0, or -ENOENT for an unknown one. */
int slot_owner_find(const char *owner, struct slot_owner *ret_owner);

#endif
