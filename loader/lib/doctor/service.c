/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/doctor/service.h"

#include <netinet/in.h>
#include <string.h>

bool slot_service_is_vip(const struct slot_picture *picture, const struct slot_addr *addr)
{
	for (size_t i = 0; i < picture->claim_count; i++)
		if (picture->claims[i].kind == SLOT_CLAIM_VIP &&
		    slot_addr_is_in(addr, &picture->claims[i].addr, picture->claims[i].len))
			return true;
	return false;
}

bool slot_service_is_address(const struct slot_picture *picture,
			     const struct slot_picture_netns *netns,
			     const struct slot_picture_address *address)
{
	const struct slot_picture_link *link = slot_picture_link_find(netns, address->ifindex);

	if (address->is_route || slot_addr_is_own(&address->addr))
		return false;
	if (slot_service_is_vip(picture, &address->addr))
		return true;
	return link && address->len == slot_addr_bits(&address->addr) &&
	       (link->is_loopback || !strcmp(link->kind, "dummy"));
}

const struct slot_picture_listener *slot_service_find(const struct slot_picture_netns *netns,
						      const struct slot_addr *addr, __u8 proto,
						      __u16 port)
{
	for (size_t i = 0; i < netns->listener_count; i++) {
		const struct slot_picture_listener *listener = &netns->listeners[i];

		if ((!proto || listener->proto == proto) &&
		    slot_picture_accepts(listener, addr, port))
			return listener;
	}
	return NULL;
}

const struct slot_picture_listener *slot_service_find_exact(const struct slot_picture_netns *netns,
							    const struct slot_addr *addr,
							    __u8 proto, __u16 port)
{
	for (size_t i = 0; i < netns->listener_count; i++) {
		const struct slot_picture_listener *listener = &netns->listeners[i];

		if (listener->proto == proto && listener->port == port &&
		    slot_addr_is_equal(&listener->addr, addr))
			return listener;
	}
	return NULL;
}

bool slot_service_is_same(const struct slot_picture_listener *a,
			  const struct slot_picture_listener *b)
{
	return a->uid == b->uid && (!a->cgroup || !b->cgroup || a->cgroup == b->cgroup);
}

const char *slot_service_proto_name(__u8 proto)
{
	return proto == IPPROTO_TCP ? "tcp" : "udp";
}
