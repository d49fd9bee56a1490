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

/* Of IPv6 one has a /64 at least. Whatever is not of IP is of one network. */
static bool is_of_one_network(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	__be32 of_a[4] = {}, of_b[4] = {};
	__be16 port;
	size_t len = 8;

	handoff_address_set((const struct sockaddr *)a, of_a, &port);
	handoff_address_set((const struct sockaddr *)b, of_b, &port);
	if (handoff_address_is_ip4(of_a))
		len = sizeof(of_a);
	return !memcmp(of_a, of_b, len);
}

/* How many peers dialed from where @link is from, when they were linked. */
static size_t count_peers(const struct handoff_host *host, const struct handoff_link *link)
{
	const struct handoff_peer *peer;
	size_t count = 0;

	LIST_FOREACH(peer, &host->peers, all)
	count += peer->from.ss_family && is_of_one_network(&peer->from, &link->from);
	return count;
}

/* How much it is in the way: how many are from there, or 0 where peers are and need no more. */
static size_t weigh(const struct handoff_host *host, const struct handoff_link *link)
{
	const struct handoff_link *other;
	size_t count = 0, peers = count_peers(host, link);

	LIST_FOREACH(other, &host->links, all)
	count += is_nameless(other) && is_of_one_network(&other->from, &link->from);
	return peers && count <= peers + 1 ? 0 : count;
}

/* The one of @rank among those that are most in the way; NULL: there are no more. */
static struct handoff_link *find_worst(const struct handoff_host *host, size_t rank,
				       size_t *ret_count)
{
	struct handoff_link *link, *found = NULL;
	size_t worst = 0, weight;

	*ret_count = 0;
	LIST_FOREACH(link, &host->links, all)
	{
		if (!is_nameless(link))
			continue;
		weight = weigh(host, link);
		if (weight > worst) {
			worst = weight;
			*ret_count = 0;
		}
		if (weight == worst && (*ret_count)++ == rank)
			found = link;
	}
	return found;
}

/*
 * Who opens many ends its own by that. Among many of one each it is left to chance, as the oldest
 * may be a peer that needs some round trips to say its name, however fast others come.
 */
void handoff_nameless_make_room(struct handoff_host *host)
{
	size_t count = 0, left = NAMELESS_MAX;
	struct handoff_link *link;
	struct handoff_peer *peer;
	uint32_t chance = 0;

	LIST_FOREACH(peer, &host->peers, all)
	left++;
	LIST_FOREACH(link, &host->links, all)
	count += is_nameless(link);
	if (count < left)
		return;
	find_worst(host, 0, &count);
	(void)!getrandom(&chance, sizeof(chance), GRND_NONBLOCK);
	link = find_worst(host, chance % count, &count);
	if (link)
		link->is_over = true;
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
