/* SPDX-License-Identifier: GPL-2.0-only */
/* Who asks, by what the kernel says of the socket's other end, and what they may change. */
#ifndef SLOTD_ACCESS_H
#define SLOTD_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct peer {
	uid_t uid;
	gid_t gid; /* -1: not known */
	pid_t pid;
	int fd; /* the socket that it is the other end of; -1: none */
};

/* What can be asked of slotd. */
enum access_op {
	ACCESS_STATUS,
	ACCESS_SLOTS,
	ACCESS_SLOT,
	ACCESS_SECRETS, /* a slot's settings, as part of ACCESS_SLOT */
	ACCESS_PLAN,
	ACCESS_GENERATIONS,
	ACCESS_STATS,
	ACCESS_AUDIT,
	ACCESS_DEPLOY,
	ACCESS_UNDEPLOY,
	ACCESS_ENABLE,
	ACCESS_DISABLE,
	ACCESS_ROLLBACK_SLOT,
	ACCESS_PROMOTE,
	ACCESS_ABORT,
	ACCESS_RELOAD,
	ACCESS_APPLY,
	ACCESS_ROLLBACK,
	ACCESS_DETACH,
	ACCESS_ADOPT,
	ACCESS_COUNT,
};

/* Who may ask for it. */
enum access_need {
	ACCESS_ANYONE,
	ACCESS_OWNER, /* of each slot that it is about, and root */
	ACCESS_ADMIN, /* root */
};

struct access_rule {
	const char *name; /* as the audit log calls it */
	enum access_need need;
	bool is_change; /* it belongs into the audit log */
};

/* access_rule_get - who may do @op. Static. */
const struct access_rule *access_rule_get(enum access_op op);

/*
 * access_identify - the peer of the connected unix socket @fd, which has to stay open
 * as long as @ret_peer is asked for. Returns 0 or -errno.
 */
int access_identify(int fd, struct peer *ret_peer);

/* access_is_admin - root may do everything. */
bool access_is_admin(const struct peer *peer);

/*
 * access_is_owner - whether @peer is root, the user that @owner names, or a
 * member of the group that "@group" names. Its groups are those that it connected
 * with (SO_PEERGROUPS, Linux 4.13): who gave one up is no member of it.
 */
bool access_is_owner(const struct peer *peer, const char *owner);

/* access_name - "uid 0 (root)" into @ret_name. */
void access_name(const struct peer *peer, char *ret_name, size_t size);

#endif
