/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A chain that is attached without a link. One of XDP took over from libxdp, which
 * attaches by netlink, and the kernel lets no link in where such a program is: it is
 * swapped by netlink, too, with the expected program named, until it is detached. One of
 * TC is a filter where the kernel has no tcx.
 */
#include <errno.h>
#include <fcntl.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/chain/leftover.h"
#include "loader/lib/host/clsact.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "loader/lib/host/xdp_netlink.h"

static int swap_program(const struct slot_chain *chain, int new_fd, int old_fd)
{
	return slot_hook_is_tc(chain->hook) ?
		       slot_clsact_replace(chain->hook, chain->ifindex, new_fd, old_fd) :
		       slot_xdp_replace(chain->ifindex, chain->mode, new_fd, old_fd);
}

static int query_program(const struct slot_chain *chain, __u32 *ret_id)
{
	if (slot_hook_is_tc(chain->hook))
		return slot_clsact_query(chain->hook, chain->ifindex, ret_id);
	*ret_id = slot_xdp_query_id(chain->ifindex);
	return 0;
}

static int remove_program(const struct slot_chain *chain)
{
	return slot_hook_is_tc(chain->hook) ?
		       slot_clsact_remove(chain->hook, chain->ifindex, chain->unlinked_fd) :
		       slot_xdp_remove(chain->ifindex, chain->mode, chain->unlinked_fd);
}

static int replace(struct slot_chain *chain, int new_fd, int old_fd)
{
	_cleanup_close_ int fd = fcntl(new_fd, F_DUPFD_CLOEXEC, 3);
	_cleanup_(slot_netns_leave) int home = -1;
	int err;

	if (fd < 0)
		return -errno;
	err = slot_chain_enter(chain, &home, NULL);
	if (!err)
		err = swap_program(chain, new_fd, old_fd);
	if (err)
		return err;
	if (chain->unlinked_fd >= 0)
		close(chain->unlinked_fd);
	chain->unlinked_fd = TAKE_FD(fd);
	return 0;
}

int slot_chain_unlinked_take(struct slot_chain *chain, int new_fd, int old_fd)
{
	return replace(chain, new_fd, old_fd);
}

int slot_chain_unlinked_move(struct slot_chain *chain, int new_fd)
{
	return replace(chain, new_fd, chain->unlinked_fd);
}

int slot_chain_unlinked_give_back(struct slot_chain *chain, int old_fd)
{
	int err = replace(chain, old_fd, chain->unlinked_fd);

	if (!err)
		close(TAKE_FD(chain->unlinked_fd));
	return err;
}

/* It is taken up again (clsact.c) by whichever chain comes to where it is. */
static void leave_behind(const struct slot_chain *chain)
{
	__u32 prog_id;

	if (slot_hook_is_tc(chain->hook) && !slot_xdp_prog_id(chain->unlinked_fd, &prog_id))
		slot_leftover_add(chain->host, prog_id);
}

/*
 * Where something else runs by now, or the interface is gone, nothing is left to take off.
 * In a netns that cannot be entered any more it stays, and so does the mark of the qdisc.
 */
static void take_off(struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;
	int err = slot_chain_enter(chain, &home, NULL);

	if (err)
		leave_behind(chain);
	else
		err = remove_program(chain);
	/* Whoever took the filter may have made the qdisc anew. */
	if (err == -EPERM && slot_hook_is_tc(chain->hook))
		slot_chain_clsact_forget(chain);
	close(TAKE_FD(chain->unlinked_fd));
}

void slot_chain_unlinked_release(struct slot_chain *chain)
{
	if (chain->unlinked_fd >= 0)
		take_off(chain);
	if (slot_hook_is_tc(chain->hook))
		slot_chain_clsact_sweep(chain);
}

bool slot_chain_is_out_of_reach(const struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;

	return chain->unlinked_fd >= 0 && chain->ifindex && slot_chain_enter(chain, &home, NULL);
}

/* A start that cannot enter the netns does not know of the filter that was put there before. */
static bool may_have_filter(const struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;

	return slot_hook_is_tc(chain->hook) && chain->link_fd < 0 && !slot_tcx_is_known() &&
	       slot_chain_enter(chain, &home, NULL);
}

void slot_chain_unlinked_say_left(struct slot_chain *chain)
{
	const char *device = chain->place.interface;

	if (may_have_filter(chain))
		slot_reason_set(&chain->left, 0,
				"the filter of '%s' was left on its '%s', with the qdisc: the "
				"network namespace could not be entered; slotd takes it off as "
				"soon as it can, or do so in it (tc filter del dev %s %s pref %u)",
				chain->interface, device, device,
				chain->hook == SLOT_HOOK_TC_INGRESS ? "ingress" : "egress",
				SLOT_CLSACT_PREF);
	else if (slot_chain_is_out_of_reach(chain))
		slot_reason_set(&chain->left, 0,
				"the program of '%s' was left on its '%s': the network namespace "
				"could not be entered; if that still is there, take it off in it "
				"(ip link set dev %s xdp off)",
				chain->interface, device, device);
}

bool slot_chain_unlinked_is_attached(const struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;
	__u32 running;
	__u32 id;

	if (chain->unlinked_fd < 0 || !chain->ifindex ||
	    slot_xdp_prog_id(chain->unlinked_fd, &id) || slot_chain_enter(chain, &home, NULL))
		return false;
	/* As with a link, what cannot be asked still filters. */
	return query_program(chain, &running) || running == id;
}

__u32 slot_chain_unlinked_find(struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;
	__u32 running = 0;
	int fd;

	if (!chain->ifindex || slot_hook_is_sock(chain->hook) ||
	    slot_chain_enter(chain, &home, NULL) || query_program(chain, &running) || !running ||
	    !slot_generation_has_root(chain->dir, running))
		return 0;
	fd = bpf_prog_get_fd_by_id(running);
	if (fd < 0)
		return 0;
	chain->unlinked_fd = fd;
	if (!slot_hook_is_tc(chain->hook))
		chain->mode = slot_xdp_mode_get(chain->ifindex);
	return running;
}
