/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/owner.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>

int slot_owner_find(const char *owner, struct slot_owner *ret_owner)
{
	struct slot_owner found = { .is_group = owner[0] == '@' };
	const struct group *group = found.is_group ? getgrnam(owner + 1) : NULL;
	const struct passwd *user = found.is_group ? NULL : getpwnam(owner);

	if (!group && !user)
		return -ENOENT;
	if (group)
		found.gid = group->gr_gid;
	else
		found.uid = user->pw_uid;
	*ret_owner = found;
	return 0;
}

/* A uid that has no account has no groups beside its own. */
static void find_groups(const struct passwd *user, struct slot_identity *identity)
{
	int count = SLOT_IDENTITY_GROUPS_MAX;

	if (!user)
		return;
	/* Where there are more, -1 says so, and as many as fit are written. */
	if (getgrouplist(user->pw_name, identity->gid, identity->groups, &count) < 0)
		count = SLOT_IDENTITY_GROUPS_MAX;
	identity->group_count = (size_t)count;
}

int slot_owner_identify(const char *owner, uid_t asked, struct slot_identity *ret_identity)
{
	struct slot_identity identity = { 0 };
	const struct passwd *user;
	struct slot_owner found;
	int err = slot_owner_find(owner, &found);

	if (err)
		return err;
	identity.uid = found.is_group ? asked : found.uid;
	user = getpwuid(identity.uid);
	if (!found.is_group && !user)
		return -ENOENT;
	identity.gid = found.is_group ? found.gid : user->pw_gid;
	find_groups(user, &identity);
	*ret_identity = identity;
	return 0;
}
