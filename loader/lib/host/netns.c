/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/cgroup.h"

#define CGROUPS "/sys/fs/cgroup/" /* where every distribution has them */
#define OWN_NETNS "/proc/thread-self/ns/net"

bool slot_netns_is_of_cgroup(const char *path)
{
	return !strncmp(path, CGROUPS, strlen(CGROUPS));
}

int slot_netns_open(const char *path)
{
	int fd;

	if (slot_netns_is_of_cgroup(path))
		return slot_cgroup_netns_open(path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int slot_netns_enter(const char *path, int *ret_home)
{
	_cleanup_close_ int home = -1;
	_cleanup_close_ int fd = -1;

	if (!*path) {
		*ret_home = -1;
		return 0;
	}
	fd = slot_netns_open(path);
	if (fd < 0)
		return fd == -ENOTUNIQ ? -ENOENT : fd;
	home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return -errno;
	if (setns(fd, CLONE_NEWNET))
		return errno == EINVAL ? -ENOENT : -errno;
	*ret_home = TAKE_FD(home);
	return 0;
}

void slot_netns_leave(const int *home)
{
	if (*home < 0)
		return;
	if (setns(*home, CLONE_NEWNET))
		abort();
	close(*home);
}
