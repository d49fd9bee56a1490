/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/target.h"

#include <errno.h>
#include <sys/socket.h>

#include <net/if.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/ports.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static int find_cookie(__u64 *ret_cookie)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret_cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret_cookie, &len))
		return -errno;
	return 0;
}

int slot_target_find(const struct slot_place *place, const char *chain,
		     struct slot_target *ret_target)
{
	struct slot_target target = { .interface = chain };
	_cleanup_(slot_netns_leave) int home = -1;
	int err = slot_netns_enter(place->netns, &home);

	if (!err)
		err = find_cookie(&target.netns_cookie);
	else if (err == -ENOENT)
		err = 0;
	if (err)
		return err;
	if (target.netns_cookie)
		target.ifindex = if_nametoindex(place->interface);
	if (place->master[0] && target.ifindex) {
		err = slot_port_check(target.ifindex, place->master);
		if (err < 0)
			return err;
		target.ifindex = err ? target.ifindex : 0;
	}
	*ret_target = target;
	return 0;
}
