/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/cgroup.h"

#define CGROUPS "/sys/fs/cgroup/" /* where every distribution has them */
#define OWN_NETNS "/proc/thread-self/ns/net"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

bool slot_netns_is_of_cgroup(const char *path)
{
	return !strncmp(path, CGROUPS, strlen(CGROUPS));
}

int slot_netns_open(const char *path, __u64 cookie)
{
	int fd;

	if (slot_netns_is_of_cgroup(path))
		return slot_cgroup_netns_open(path, cookie);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int slot_netns_cookie(__u64 *ret_cookie)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret_cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret_cookie, &len))
		return -errno;
	return 0;
}

int slot_netns_join(int fd, int *ret_home)
{
	_cleanup_close_ int home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return -errno;
	if (setns(fd, CLONE_NEWNET))
		return errno == EINVAL ? -ENOENT : -errno;
	*ret_home = TAKE_FD(home);
	return 0;
}

static int check_cookie(__u64 cookie)
{
	__u64 found = 0;
	int err = cookie ? slot_netns_cookie(&found) : 0;

	if (err || !cookie)
		return err;
	return found == cookie ? 0 : -ENOENT;
}

int slot_netns_enter(const char *path, __u64 cookie, int *ret_home)
{
	_cleanup_close_ int fd = -1;
	int home = -1;
	int err;

	if (!*path) {
		*ret_home = -1;
		return 0;
	}
	fd = slot_netns_open(path, cookie);
	if (fd < 0)
		return fd == -ENOTUNIQ ? -ENOENT : fd;
	err = slot_netns_join(fd, &home);
	if (err)
		return err;
	err = check_cookie(cookie);
	if (err)
		slot_netns_leave(&home);
	else
		*ret_home = home;
	return err;
}

void slot_netns_leave(const int *home)
{
	if (*home < 0)
		return;
	if (setns(*home, CLONE_NEWNET))
		abort();
	close(*home);
}
