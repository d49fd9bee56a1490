/* SPDX-License-Identifier: GPL-2.0-only */
/* Who asks, by what the kernel says of the socket's other end, and what they may change. */
#ifndef SLOTD_ACCESS_H
#define SLOTD_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct peer {
	uid_t uid;
	gid_t gid;
};

/* access_identify - the peer of the connected unix socket @fd. Returns 0 or -errno. */
int access_identify(int fd, struct peer *ret_peer);

/* access_is_admin - root may do everything. */
bool access_is_admin(const struct peer *peer);

/*
 * access_is_owner - whether @peer is root, the user that @owner names, or a
 * member of the group that "@group" names.
 */
bool access_is_owner(const struct peer *peer, const char *owner);

/* access_name - "uid 0 (root)" into @ret_name. */
void access_name(const struct peer *peer, char *ret_name, size_t size);

#endif
