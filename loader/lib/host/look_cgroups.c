/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs of sock_ops at a chain's cgroup and above, as the kernel tells them by cgroup. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <linux/magic.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/look.h"

static bool is_cgroup(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Whether a program is attached to @path itself, and others are not welcome beside it. */
static bool has_single(const char *path, bool *ret_is_override)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__u32 flags = 0, count = 0;

	if (fd < 0 || bpf_prog_query(fd, BPF_CGROUP_SOCK_OPS, 0, &flags, NULL, &count) || !count ||
	    flags & BPF_F_ALLOW_MULTI)
		return false;
	*ret_is_override = flags & BPF_F_ALLOW_OVERRIDE;
	return true;
}

static void look_up(struct slot_picture_chain *chain)
{
	char path[SLOT_CGROUP_PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s", chain->cgroup);
	while (is_cgroup(path)) {
		if (has_single(path, &chain->is_override)) {
			memcpy(chain->single, path, sizeof(path));
			return;
		}
		slash = strrchr(path, '/');
		if (!slash || slash == path)
			return;
		*slash = '\0';
	}
}

void slot_look_cgroups(struct slot_picture *picture)
{
	for (size_t i = 0; i < picture->chain_count; i++)
		if (*picture->chains[i].cgroup)
			look_up(&picture->chains[i]);
}
