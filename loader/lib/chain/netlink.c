/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A chain that is attached without a link: it took over from libxdp, which attaches
 * by netlink, and the kernel lets no link in where such a program is. So it is
 * swapped by netlink, too, with the expected program named, until it is detached.
 */
#include <errno.h>
#include <fcntl.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "loader/lib/host/xdp_netlink.h"

static int replace(struct slot_chain *chain, int new_fd, int old_fd)
{
	_cleanup_close_ int fd = fcntl(new_fd, F_DUPFD_CLOEXEC, 3);
	_cleanup_(slot_netns_leave) int home = -1;
	int err;

	if (fd < 0)
		return -errno;
	err = slot_chain_enter(chain, &home, NULL);
	if (!err)
		err = slot_xdp_replace(chain->ifindex, chain->mode, new_fd, old_fd);
	if (err)
		return err;
	if (chain->netlink_fd >= 0)
		close(chain->netlink_fd);
	chain->netlink_fd = TAKE_FD(fd);
	return 0;
}

int slot_chain_netlink_take(struct slot_chain *chain, int new_fd, int old_fd)
{
	return replace(chain, new_fd, old_fd);
}

int slot_chain_netlink_move(struct slot_chain *chain, int new_fd)
{
	return replace(chain, new_fd, chain->netlink_fd);
}

int slot_chain_netlink_give_back(struct slot_chain *chain, int old_fd)
{
	int err = replace(chain, old_fd, chain->netlink_fd);

	if (!err)
		close(TAKE_FD(chain->netlink_fd));
	return err;
}

void slot_chain_netlink_release(struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;

	if (chain->netlink_fd < 0)
		return;
	/* Where something else runs by now, or the interface is gone, nothing is left to take off. */
	if (!slot_chain_enter(chain, &home, NULL))
		slot_xdp_remove(chain->ifindex, chain->mode, chain->netlink_fd);
	close(TAKE_FD(chain->netlink_fd));
}

bool slot_chain_netlink_is_attached(const struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;
	__u32 id;

	return chain->netlink_fd >= 0 && chain->ifindex &&
	       !slot_xdp_prog_id(chain->netlink_fd, &id) && !slot_chain_enter(chain, &home, NULL) &&
	       slot_xdp_query_id(chain->ifindex) == id;
}

__u32 slot_chain_netlink_find(struct slot_chain *chain, const unsigned int *numbers, size_t count)
{
	_cleanup_(slot_netns_leave) int home = -1;
	__u32 running = 0;
	size_t i;

	if (chain->ifindex && !slot_chain_enter(chain, &home, NULL))
		running = slot_xdp_query_id(chain->ifindex);
	for (i = 0; running && i < count; i++) {
		_cleanup_close_ int fd = -1;
		char dir[PATH_MAX];
		__u32 id;

		if (slot_generation_dir(chain->dir, numbers[i], dir))
			continue;
		fd = slot_pin_open(dir, SLOT_PIN_ROOT);
		if (fd < 0 || slot_xdp_prog_id(fd, &id) || id != running)
			continue;
		chain->netlink_fd = TAKE_FD(fd);
		chain->mode = slot_xdp_mode_get(chain->ifindex);
		return running;
	}
	return 0;
}
