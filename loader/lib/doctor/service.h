/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services of a host: addresses that are served, and who listens. Pure. */
#ifndef SLOT_SERVICE_H
#define SLOT_SERVICE_H

#include "loader/lib/base/endpoint.h"
#include "loader/lib/doctor/finding.h"

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

/*
 * slot_service_is_reached - whether packets from elsewhere come to the socket: one that is
 * bound to an interface (SO_BINDTODEVICE) gets those that come by that, or a port of it.
 */
bool slot_service_is_reached(const struct slot_picture *picture,
			     const struct slot_picture_netns *netns,
			     const struct slot_picture_listener *listener);

/* slot_service_find - who gets packets to @addr, @port and @proto (0: any of them); or NULL. */
const struct slot_picture_listener *slot_service_find(const struct slot_picture *picture,
						      const struct slot_picture_netns *netns,
						      const struct slot_addr *addr, __u8 proto,
						      __u16 port);

/* slot_service_find_exact - the same, but who listens on all addresses does not count. */
const struct slot_picture_listener *slot_service_find_exact(const struct slot_picture_netns *netns,
							    const struct slot_addr *addr,
							    __u8 proto, __u16 port);

/* slot_service_is_same - whether two sockets are of one service, as far as user and cgroup tell. */
bool slot_service_is_same(const struct slot_picture_listener *a,
			  const struct slot_picture_listener *b);

/* slot_service_format - "tcp/192.0.2.1:80", "udp/[2001:db8::1]:443"; @port 0: without one. */
void slot_service_format(const struct slot_addr *addr, __u8 proto, __u16 port,
			 char ret_text[SLOT_ENDPOINT_TEXT_MAX]);

/* An address of a netns that is there to be served, while a check looks at it. */
struct slot_served {
	const struct slot_picture *picture;
	const struct slot_picture_netns *netns;
	const struct slot_picture_address *address;
	const struct slot_picture_link *link; /* NULL: it was not seen */
	struct slot_findings *findings;
};

/* slot_served_each - @check each of them (slot_service_is_address). */
void slot_served_each(const struct slot_picture *picture, struct slot_findings *findings,
		      void (*check)(const struct slot_served *served));

/*
 * slot_served_is_claimed - whether @claim is a VIP that is to be served there. In the
 * balancer's own netns the address is the trouble, unless it is meant to be there.
 */
bool slot_served_is_claimed(const struct slot_served *served,
			    const struct slot_picture_claim *claim);

#endif
