/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/sock.h"

#include <errno.h>
#include <fcntl.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"

#define OWN_NETNS "/proc/thread-self/ns/net"
#define PROGRAMS_MAX 64 /* of a cgroup or a netns: BPF_CGROUP_MAX_PROGS of the kernel */

static enum bpf_attach_type attach_type(enum slot_hook hook)
{
	return hook == SLOT_HOOK_SOCK_OPS ? BPF_CGROUP_SOCK_OPS : BPF_SK_LOOKUP;
}

static int open_target(enum slot_hook hook, const char *cgroup)
{
	int fd = hook == SLOT_HOOK_SOCK_OPS ? open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC) :
					      open(OWN_NETNS, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Links to cgroups always let others be (BPF_F_ALLOW_MULTI). */
int slot_sock_attach(enum slot_hook hook, const char *cgroup, int prog_fd)
{
	_cleanup_close_ int target_fd = open_target(hook, cgroup);

	if (target_fd < 0)
		return target_fd;
	return SLOT_STEP("sock.attach",
			 bpf_link_create(prog_fd, target_fd, attach_type(hook), NULL));
}

int slot_sock_is_alive(enum slot_hook hook, const struct bpf_link_info *info)
{
	if (hook == SLOT_HOOK_SOCK_OPS)
		return info->type == BPF_LINK_TYPE_CGROUP &&
				       info->cgroup.attach_type == BPF_CGROUP_SOCK_OPS ?
			       info->cgroup.cgroup_id != 0 :
			       -EINVAL;
	return info->type == BPF_LINK_TYPE_NETNS && info->netns.attach_type == BPF_SK_LOOKUP ?
		       info->netns.netns_ino != 0 :
		       -EINVAL;
}

int slot_sock_check(enum slot_hook hook, const char *cgroup, __u32 prog_id)
{
	_cleanup_close_ int target_fd = open_target(hook, cgroup);
	__u32 ids[PROGRAMS_MAX];
	__u32 count = PROGRAMS_MAX;
	int err = target_fd < 0 ?
			  target_fd :
			  bpf_prog_query(target_fd, attach_type(hook), 0, NULL, ids, &count);

	if (err)
		return err == -ENOENT ? 0 : err;
	for (__u32 i = 0; i < count; i++)
		if (ids[i] == prog_id)
			return 1;
	return 0;
}
