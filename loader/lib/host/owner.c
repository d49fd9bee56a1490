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
