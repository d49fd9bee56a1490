/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at the host for `slotctl doctor`: reads, by netlink mostly, and changes nothing.
 * Without root it sees this thread's netns alone, and of the kernel what anybody may know.
 */
#ifndef SLOT_LOOK_H
#define SLOT_LOOK_H

#include "loader/lib/doctor/finding.h"
#include "loader/lib/doctor/picture.h"
#include "loader/lib/host/netns_list.h"

/*
 * slot_look_netns - fill in picture->netns: all of @list, in its order, each with what is
 * in it. What could not be seen is added to picture->unseen. Enters the others for the
 * time of a few calls (CAP_SYS_ADMIN), as slot_netns_enter() does. Returns 0 or -ENOMEM.
 */
int slot_look_netns(const struct slot_netns_list *list, struct slot_picture *picture);

/*
 * slot_look_way - ask in netns number @netns of both for the way to @addr, once, and keep
 * the answer there. As slot_look_netns().
 */
int slot_look_way(const struct slot_netns_list *list, size_t netns, const struct slot_addr *addr,
		  struct slot_picture *picture);

/*
 * slot_look_kernel - version and features but freplace, which is asked for by loading.
 * Features that only root may ask for are unknown without it.
 */
void slot_look_kernel(struct slot_picture_kernel *ret_kernel);

/* slot_look_processes - whose the sockets are that findings are about, where that may be known. */
void slot_look_processes(struct slot_findings *findings);

/* The parts of a look, each of this thread's netns. They return 0 or -errno. */
int slot_look_links(struct slot_picture_netns *netns);
int slot_look_addresses(struct slot_picture_netns *netns);
int slot_look_routes(struct slot_picture_netns *netns);
int slot_look_own_way(struct slot_picture_netns *netns, const struct slot_addr *addr);
/* slot_look_devices - what drivers offer: LRO, GRO in hardware, XDP (Linux 6.3; unknown before). */
int slot_look_devices(struct slot_picture_netns *netns);
int slot_look_sockets(struct slot_picture_netns *netns);

/*
 * slot_look_cgroups - for each chain of @picture that has a cgroup, who else has a program there or
 * above. Those who may not ask (CAP_NET_ADMIN) learn of none.
 */
void slot_look_cgroups(struct slot_picture *picture);

/*
 * slot_look_lookups - into each netns of @picture that was seen the programs of sk_lookup there. Those
 * who may not see programs (CAP_SYS_ADMIN) see none. Returns 0 or -ENOMEM.
 */
int slot_look_lookups(struct slot_picture *picture);

/* slot_look_link - the link with that ifindex, to be written; or NULL. */
struct slot_picture_link *slot_look_link(struct slot_picture_netns *netns, unsigned int ifindex);

#endif
