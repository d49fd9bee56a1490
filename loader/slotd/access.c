/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>

#include "loader/lib/host/owner.h"

int access_identify(int fd, struct peer *ret_peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	ret_peer->uid = cred.uid;
	ret_peer->gid = cred.gid;
	return 0;
}

bool access_is_admin(const struct peer *peer)
{
	return peer->uid == 0;
}

static bool is_member(const struct peer *peer, gid_t wanted)
{
	const struct passwd *user = getpwuid(peer->uid);
	gid_t groups[256];
	int count = 256;
	int i;

	if (peer->gid == wanted)
		return true;
	if (!user || getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
		return false;
	for (i = 0; i < count; i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

bool access_is_owner(const struct peer *peer, const char *owner)
{
	struct slot_owner found;

	if (access_is_admin(peer))
		return true;
	if (slot_owner_find(owner, &found))
		return false;
	return found.is_group ? is_member(peer, found.gid) : peer->uid == found.uid;
}

void access_name(const struct peer *peer, char *ret_name, size_t size)
{
	const struct passwd *user = getpwuid(peer->uid);

	snprintf(ret_name, size, "uid %u (%.32s)", (unsigned int)peer->uid,
		 user ? user->pw_name : "unknown");
}
