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

#define SLOT_IDENTITY_GROUPS_MAX 64

/* Whom a process runs as. */
struct slot_identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[SLOT_IDENTITY_GROUPS_MAX];
	size_t group_count;
};

/*
 * slot_owner_identify - whom something that belongs to @owner's slot runs as: the
 * user that owns it, whoever asked; where a group owns it, the user @asked with
 * that group first. Of more than SLOT_IDENTITY_GROUPS_MAX groups the rest is left
 * out. Returns 0, or -ENOENT for an owner that the host does not know.
 */
int slot_owner_identify(const char *owner, uid_t asked, struct slot_identity *ret_identity);

#endif
