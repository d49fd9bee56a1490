/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/access.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/owner.h"

/*
 * Reading is for everyone: who debugs a host has to see whose program it is that
 * drops packets. A slot's settings may be secrets (the key of a cookie) and are its
 * owner's, and the audit log shows each only what concerns them (audit_read). What
 * touches slots of several owners at once is root's.
 */
static const struct access_rule rules[ACCESS_COUNT] = {
	[ACCESS_STATUS] = { "status", ACCESS_ANYONE, false },
	[ACCESS_SLOTS] = { "slots", ACCESS_ANYONE, false },
	[ACCESS_SLOT] = { "slot", ACCESS_ANYONE, false },
	[ACCESS_SECRETS] = { "settings", ACCESS_OWNER, false },
	[ACCESS_PLAN] = { "plan", ACCESS_ANYONE, false },
	[ACCESS_GENERATIONS] = { "generations", ACCESS_ANYONE, false },
	[ACCESS_STATS] = { "stats", ACCESS_ANYONE, false },
	[ACCESS_AUDIT] = { "audit", ACCESS_ANYONE, false },
	[ACCESS_DEPLOY] = { "deploy", ACCESS_OWNER, true },
	[ACCESS_UNDEPLOY] = { "undeploy", ACCESS_OWNER, true },
	[ACCESS_ENABLE] = { "enable", ACCESS_OWNER, true },
	[ACCESS_DISABLE] = { "disable", ACCESS_OWNER, true },
	[ACCESS_ROLLBACK_SLOT] = { "rollback slot", ACCESS_OWNER, true },
	[ACCESS_PROMOTE] = { "promote", ACCESS_OWNER, true },
	[ACCESS_ABORT] = { "abort", ACCESS_OWNER, true },
	[ACCESS_RELOAD] = { "reload", ACCESS_ADMIN, true },
	[ACCESS_APPLY] = { "apply", ACCESS_ADMIN, true },
	[ACCESS_ROLLBACK] = { "rollback", ACCESS_ADMIN, true },
	[ACCESS_DETACH] = { "detach", ACCESS_ADMIN, true },
	[ACCESS_ADOPT] = { "adopt", ACCESS_ADMIN, true },
};

const struct access_rule *access_rule_get(enum access_op op)
{
	return &rules[op];
}

int access_identify(int fd, struct peer *ret_peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	ret_peer->uid = cred.uid;
	ret_peer->gid = cred.gid;
	ret_peer->pid = cred.pid;
	ret_peer->fd = fd;
	return 0;
}

bool access_is_admin(const struct peer *peer)
{
	return peer->uid == 0;
}

/* The kernel's word, not the user database's, which may be a slow server far away. */
static bool is_member(const struct peer *peer, gid_t wanted)
{
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t size = 0;
	size_t i;

	if (peer->gid == wanted)
		return true;
	/* Without room the kernel says how much it wants; none are none. */
	if (peer->fd < 0 || !getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) ||
	    errno != ERANGE)
		return false;
	groups = malloc(size);
	if (!groups || getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		return false;
	for (i = 0; i < size / sizeof(*groups); i++)
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
