/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services of a host: addresses that are served, and who listens. Pure. */
#ifndef SLOT_SERVICE_H
#define SLOT_SERVICE_H

#include "loader/lib/doctor/picture.h"

/* slot_service_is_vip - whether some program claims @addr as one of its VIPs. */
bool slot_service_is_vip(const struct slot_picture *picture, const struct slot_addr *addr);

/*
 * slot_service_is_address - whether @address of @netns is there to be served, and not to
 * name an interface: a VIP that a program claims, or a single address on a loopback or
 * dummy device.
 */
bool slot_service_is_address(const struct slot_picture *picture,
			     const struct slot_picture_netns *netns,
			     const struct slot_picture_address *address);

/* slot_service_find - who gets packets to @addr, @port and @proto (0: any of them); or NULL. */
const struct slot_picture_listener *slot_service_find(const struct slot_picture_netns *netns,
						      const struct slot_addr *addr, __u8 proto,
						      __u16 port);

/* slot_service_find_exact - the same, but who listens on all addresses does not count. */
const struct slot_picture_listener *slot_service_find_exact(const struct slot_picture_netns *netns,
							    const struct slot_addr *addr,
							    __u8 proto, __u16 port);

/* slot_service_is_same - whether two sockets are of one service, as far as user and cgroup tell. */
bool slot_service_is_same(const struct slot_picture_listener *a,
			  const struct slot_picture_listener *b);

/* slot_service_proto_name - "tcp", "udp". */
const char *slot_service_proto_name(__u8 proto);

#endif
