/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links that were accepted, of hosts that have not said their names yet: they may be anybody's. */
#include <stdio.h>
#include <string.h>

#include <sys/random.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_own.h"
#include "programs/handoff/maps/handoff_address.h"

#define NAMELESS_MAX 16 /* beside one for each peer */
#define MUTE_MS 1000

static bool is_nameless(const struct handoff_link *link)
{
	return !link->peer && !link->is_over;
}

struct handoff_network handoff_network_of(const struct sockaddr_storage *from)
{
	struct handoff_network network = {};
	__be16 port;

	handoff_address_set((const struct sockaddr *)from, network.addr, &port);
	if (!handoff_address_is_ip4(network.addr))
		network.addr[2] = network.addr[3] = 0;
	return network;
}

static bool is_of(const struct handoff_network *a, const struct handoff_network *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* How many peers dialed from where @link is from, when they were linked. */
static size_t count_peers(const struct handoff_host *host, const struct handoff_link *link)
{
	const struct handoff_peer *peer;
	size_t count = 0;

	LIST_FOREACH(peer, &host->peers, all)
	count += peer->has_dialed && is_of(&peer->network, &link->network);
	return count;
}

/* How much it is in the way: how many are from there, or 0 where peers are and need no more. */
static size_t weigh(const struct handoff_host *host, const struct handoff_link *link)
{
	const struct handoff_link *other;
	size_t count = 0, peers = count_peers(host, link);

	LIST_FOREACH(other, &host->links, all)
	count += is_nameless(other) && is_of(&other->network, &link->network);
	return peers && count <= peers + 1 ? 0 : count;
}

/* Returns how many are as much in the way as none is more: *ret_worst. */
static uint32_t weigh_all(const struct handoff_host *host, size_t *ret_worst)
{
	struct handoff_link *link;
	uint32_t count = 0;

	*ret_worst = 0;
	LIST_FOREACH(link, &host->links, all)
	{
		if (!is_nameless(link))
			continue;
		link->weight = weigh(host, link);
		if (link->weight > *ret_worst) {
			*ret_worst = link->weight;
			count = 0;
		}
		count += link->weight == *ret_worst;
	}
	return count;
}

static void end_one(const struct handoff_host *host, size_t weight, uint32_t rank)
{
	struct handoff_link *link;

	LIST_FOREACH(link, &host->links, all)
	{
		if (!is_nameless(link) || link->weight != weight || rank--)
			continue;
		link->is_over = true;
		return;
	}
}

/*
 * Who opens many ends its own by that. Among many of one each it is left to chance, as the oldest
 * may be a peer that needs some round trips to say its name, however fast others come.
 */
void handoff_nameless_make_room(struct handoff_host *host)
{
	size_t count = 0, left = NAMELESS_MAX, worst;
	const struct handoff_link *link;
	const struct handoff_peer *peer;
	uint32_t chance = 0, equal;

	LIST_FOREACH(peer, &host->peers, all)
	left++;
	LIST_FOREACH(link, &host->links, all)
	count += is_nameless(link);
	if (count < left)
		return;
	equal = weigh_all(host, &worst);
	(void)!getrandom(&chance, sizeof(chance), GRND_NONBLOCK);
	end_one(host, worst, chance % equal);
}

/* By its address, not by the name that it claims: the link of that name may be there. */
void handoff_nameless_say(struct handoff_host *host, const struct handoff_link *link)
{
	char from[HANDOFF_PLACE_TEXT];
	int64_t now_ms = slot_clock_ms();

	if (!host->events.link || now_ms < host->mute_ms)
		return;
	host->mute_ms = now_ms + MUTE_MS;
	handoff_place_format(&link->from, from);
	host->events.link(host->data, from, false, link->why.text);
}
