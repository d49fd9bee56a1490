/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/target.h"

#include <errno.h>
#include <sys/socket.h>

#include <net/if.h>

#include "loader/lib/base/cleanup.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

int slot_target_find(const char *interface, struct slot_target *ret_target)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct slot_target target = { .interface = interface };
	socklen_t len = sizeof(target.netns_cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &target.netns_cookie, &len))
		return -errno;
	target.ifindex = if_nametoindex(interface);
	*ret_target = target;
	return 0;
}
