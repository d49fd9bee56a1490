/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>

#include "loader/lib/base/cleanup.h"

#define OWN_NETNS "/proc/thread-self/ns/net"

int slot_netns_enter(const char *path, int *ret_home)
{
	_cleanup_close_ int home = -1;
	_cleanup_close_ int fd = -1;

	if (!*path) {
		*ret_home = -1;
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
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
