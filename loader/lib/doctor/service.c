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

/* Whether packets to services come into the netns by the chain's interface. */
static bool is_entry(const struct slot_picture *picture, size_t chain)
{
	for (size_t i = 0; i < picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &picture->claims[i];

		if (claim->chain == chain && (claim->kind == SLOT_CLAIM_TUNNEL ||
					      (claim->kind == SLOT_CLAIM_VIP && claim->is_local)))
			return true;
	}
	return false;
}

bool slot_service_is_reached(const struct slot_picture *picture,
			     const struct slot_picture_netns *netns,
			     const struct slot_picture_listener *listener)
{
	const struct slot_picture_link *link = slot_picture_link_find(netns, listener->ifindex);
	bool has_entry = false;

	if (!link)
		return true;
	for (size_t i = 0; i < picture->chain_count; i++) {
		const struct slot_picture_chain *chain = &picture->chains[i];
		const struct slot_picture_link *entry = slot_picture_chain_link(picture, chain);

		if (!entry || slot_picture_chain_netns(picture, chain) != netns ||
		    !is_entry(picture, i))
			continue;
		if (entry == link || entry->master == link->ifindex)
			return true;
		has_entry = true;
	}
	return !has_entry && !link->is_loopback && strcmp(link->kind, "dummy") != 0;
}

const struct slot_picture_listener *slot_service_find(const struct slot_picture *picture,
						      const struct slot_picture_netns *netns,
						      const struct slot_addr *addr, __u8 proto,
						      __u16 port)
{
	for (size_t i = 0; i < netns->listener_count; i++) {
		const struct slot_picture_listener *listener = &netns->listeners[i];

		if ((!proto || listener->proto == proto) &&
		    slot_picture_accepts(listener, addr, port) &&
		    slot_service_is_reached(picture, netns, listener))
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

void slot_service_format(const struct slot_addr *addr, __u8 proto, __u16 port,
			 char ret_text[SLOT_ENDPOINT_TEXT_MAX])
{
	struct slot_endpoint endpoint = {
		.family = addr->is_ip6 ? 6 : 4,
		.proto = proto,
		.port = port,
	};

	memcpy(endpoint.addr, addr->bytes, sizeof(endpoint.addr));
	slot_endpoint_format(&endpoint, ret_text);
}

void slot_served_each(const struct slot_picture *picture, struct slot_findings *findings,
		      void (*check)(const struct slot_served *served))
{
	for (size_t i = 0; i < picture->netns_count; i++) {
		const struct slot_picture_netns *netns = &picture->netns[i];

		for (size_t n = 0; n < netns->address_count; n++) {
			struct slot_served served = { picture, netns, &netns->addresses[n], NULL,
						      findings };

			served.link = slot_picture_link_find(netns, served.address->ifindex);
			if (slot_service_is_address(picture, netns, served.address))
				check(&served);
		}
	}
}

bool slot_served_is_claimed(const struct slot_served *served,
			    const struct slot_picture_claim *claim)
{
	const struct slot_picture *picture = served->picture;

	return claim->kind == SLOT_CLAIM_VIP &&
	       slot_addr_is_in(&served->address->addr, &claim->addr, claim->len) &&
	       (claim->is_local ||
		slot_picture_chain_netns(picture, &picture->chains[claim->chain]) != served->netns);
}
