/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links of any hook: what one runs and where, moving it on, and whether an interface
 * runs a program at a hook. What has no link is in clsact.h.
 */
#ifndef SLOT_HOOK_H
#define SLOT_HOOK_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "loader/lib/config/config.h"

/*
 * slot_hook_swap - move the link of a chain of @hook (of sk_reuseport its seat, jump.h) from
 * @old_fd to @new_fd, atomic per packet. Returns 0, -EPERM when it no longer runs @old_fd
 * (another writer was first), -ENOLINK when what it is attached to is gone, or -errno.
 */
int slot_hook_swap(enum slot_hook hook, int link_fd, int new_fd, int old_fd);

/*
 * slot_hook_link_get - what the link of a chain of @hook runs and where (ifindex 0:
 * its interface is gone). A link for what comes from the peer of a netkit device tells
 * the number of that peer, in whose netns it counts: @known, the number of the interface
 * as far as the caller knows it, stands for it then, unless that is 0. Where chains have no
 * interface SLOT_TARGET_THERE is its number. Returns 0, -EINVAL for a link of another hook, or -errno.
 */
int slot_hook_link_get(enum slot_hook hook, int link_fd, unsigned int known, __u32 *ret_prog_id,
		       unsigned int *ret_ifindex);

/*
 * slot_hook_check - whether interface number @ifindex of this thread's netns, or that netns, or
 * the cgroup of @place, whichever chains of @hook belong to, runs the program with the id
 * @prog_id there. Returns 1, 0 (also where there is no such place), or -errno where the kernel
 * does not say, as of sk_reuseport: only a seat tells what it holds.
 */
int slot_hook_check(enum slot_hook hook, const struct slot_place *place, unsigned int ifindex,
		    __u32 prog_id);

/* How a program is attached to a TC hook. */
enum slot_tc_way {
	SLOT_TC_NETKIT, /* Linux 6.7: on the primary device of a netkit pair */
	SLOT_TC_TCX,	/* Linux 6.6 */
	SLOT_TC_CLSACT, /* a filter of the qdisc clsact */
	SLOT_TC_WAY_COUNT,
};

/* slot_tc_way_name - "netkit", "tcx", "clsact". */
const char *slot_tc_way_name(enum slot_tc_way way);

#define SLOT_TC_PROGRAMS_MAX 64 /* of one interface and direction: BPF_MPROG_MAX of the kernel */

/*
 * slot_tc_query - the programs that @ifindex runs by links of @way, but clsact, at @hook,
 * first to last: none also where the kernel has no such links or there is no such interface.
 * @ret_ids has room for SLOT_TC_PROGRAMS_MAX. Returns 0 or -errno.
 */
int slot_tc_query(enum slot_hook hook, enum slot_tc_way way, unsigned int ifindex, __u32 *ret_ids,
		  size_t *ret_count);

/* slot_tc_link_way - of the link of a chain of @hook (TC); tcx where it cannot be asked. */
enum slot_tc_way slot_tc_link_way(enum slot_hook hook, int link_fd);

/* slot_tcx_is_known - whether this kernel has tcx. */
bool slot_tcx_is_known(void);

/*
 * slot_tc_attach - attach @prog_fd to @ifindex at @hook (TC) by a link, behind what
 * others attached there, or before it, which is left alone. On the primary device of a netkit pair that
 * is the program of the device itself: what goes into it meets tc-egress, what goes into
 * its peer meets tc-ingress, before the netns changes. Elsewhere, also on the peer, it is tcx.
 * Returns the link's descriptor, -EOPNOTSUPP before Linux 6.6, or -errno.
 */
int slot_tc_attach(enum slot_hook hook, unsigned int ifindex, int prog_fd,
		   enum slot_tc_order order);

#endif
