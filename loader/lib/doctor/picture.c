/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/doctor/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room doubles: full when the count is a power of two. @items: where the array's address is. */
int slot_picture_grow(void *items, size_t *count, const void *item, size_t size)
{
	void *array;

	memcpy(&array, items, sizeof(array));
	if (!(*count & (*count - 1))) {
		array = reallocarray(array, *count ? *count * 2 : 1, size);
		if (!array)
			return -ENOMEM;
		memcpy(items, &array, sizeof(array));
	}
	memcpy((char *)array + *count * size, item, size);
	(*count)++;
	return 0;
}

void slot_picture_netns_clear(struct slot_picture_netns *netns)
{
	free(netns->links);
	free(netns->addresses);
	free(netns->routes);
	free(netns->ways);
	free(netns->listeners);
	free(netns->lookups);
	netns->links = NULL;
	netns->addresses = NULL;
	netns->routes = NULL;
	netns->ways = NULL;
	netns->listeners = NULL;
	netns->lookups = NULL;
	netns->link_count = netns->address_count = netns->route_count = 0;
	netns->way_count = netns->listener_count = netns->lookup_count = 0;
}

void slot_picture_free(struct slot_picture *picture)
{
	for (size_t i = 0; i < picture->netns_count; i++)
		slot_picture_netns_clear(&picture->netns[i]);
	free(picture->netns);
	free(picture->chains);
	free(picture->claims);
	slot_reasons_free(&picture->unseen);
	*picture = (struct slot_picture){ 0 };
}

const struct slot_picture_link *slot_picture_link_find(const struct slot_picture_netns *netns,
						       unsigned int ifindex)
{
	for (size_t i = 0; netns && i < netns->link_count; i++)
		if (netns->links[i].ifindex == ifindex)
			return &netns->links[i];
	return NULL;
}

const struct slot_picture_address *slot_picture_address_find(const struct slot_picture_netns *netns,
							     const struct slot_addr *addr)
{
	for (size_t i = 0; netns && i < netns->address_count; i++) {
		const struct slot_picture_address *own = &netns->addresses[i];

		if (slot_addr_is_in(addr, &own->addr,
				    own->is_route ? own->len : slot_addr_bits(&own->addr)))
			return own;
	}
	return NULL;
}

const struct slot_picture_way *slot_picture_way_find(const struct slot_picture_netns *netns,
						     const struct slot_addr *addr)
{
	for (size_t i = 0; netns && i < netns->way_count; i++)
		if (slot_addr_is_equal(&netns->ways[i].addr, addr))
			return &netns->ways[i];
	return NULL;
}

const struct slot_picture_netns *slot_picture_chain_netns(const struct slot_picture *picture,
							  const struct slot_picture_chain *chain)
{
	return chain->netns < picture->netns_count ? &picture->netns[chain->netns] : NULL;
}

const struct slot_picture_link *slot_picture_chain_link(const struct slot_picture *picture,
							const struct slot_picture_chain *chain)
{
	return slot_picture_link_find(slot_picture_chain_netns(picture, chain), chain->ifindex);
}

bool slot_picture_is_repeated(const struct slot_picture *picture, size_t claim, bool has_ports)
{
	const struct slot_picture_claim *own = &picture->claims[claim];

	for (size_t i = 0; i < claim; i++) {
		const struct slot_picture_claim *other = &picture->claims[i];

		if (other->kind == own->kind && other->len == own->len &&
		    other->is_local == own->is_local &&
		    picture->chains[other->chain].netns == picture->chains[own->chain].netns &&
		    (!has_ports || (other->proto == own->proto && other->port == own->port)) &&
		    slot_addr_is_equal(&other->addr, &own->addr))
			return true;
	}
	return false;
}

bool slot_picture_is_joined(const struct slot_picture_netns *netns, size_t other)
{
	for (size_t i = 0; i < netns->link_count; i++)
		if (netns->links[i].peer_netns == other)
			return true;
	return false;
}

bool slot_picture_is_wildcard(const struct slot_picture_listener *listener)
{
	return slot_addr_is_any(&listener->addr);
}

bool slot_picture_accepts(const struct slot_picture_listener *listener,
			  const struct slot_addr *addr, __u16 port)
{
	if (port && listener->port != port)
		return false;
	if (!slot_picture_is_wildcard(listener))
		return slot_addr_is_equal(&listener->addr, addr);
	return listener->addr.is_ip6 == addr->is_ip6 ||
	       (listener->addr.is_ip6 && !listener->is_ip6_only);
}
