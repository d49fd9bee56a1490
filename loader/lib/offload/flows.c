/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/flows.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/hash.h"

void slot_flows_free(struct slot_flows *flows)
{
	free(flows->places);
	free(flows->chains);
	flows->places = NULL;
	flows->chains = NULL;
}

static struct slot_flow *place_at(const struct slot_flows *flows, size_t place)
{
	return (struct slot_flow *)(flows->places + place * flows->size);
}

/* Agents of other slots may be at the same device and pref: they hardly ever meet. */
static __u32 first_handle(__u64 owner)
{
	return SLOT_FLOWS_HANDLE + (__u32)(owner % SLOT_FLOWS_ROOMS) * SLOT_FLOWS_ROOM;
}

int slot_flows_new(size_t max, size_t size, __u64 owner, struct slot_flows *ret_flows)
{
	struct slot_flows *flows = ret_flows;

	*flows = (struct slot_flows){ .max = max, .size = size, .first = first_handle(owner) };
	TAILQ_INIT(&flows->free);
	flows->places = calloc(max, size);
	flows->chains = calloc(max, sizeof(struct slot_flow *));
	if (!flows->places || !flows->chains) {
		slot_flows_free(flows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < max; i++)
		TAILQ_INSERT_TAIL(&flows->free, place_at(flows, i), free);
	return 0;
}

static __u32 mix_end(__u32 hash, const struct slot_flower_end *end)
{
	hash = slot_hash_add(hash, end->address, sizeof(end->address));
	return slot_hash_add(hash, &end->port, sizeof(end->port));
}

static struct slot_flow **find_chain(const struct slot_flows *flows,
				     const struct slot_flower_match *match)
{
	__u32 hash = slot_hash_add(SLOT_HASH_START, &match->proto, sizeof(match->proto));

	hash = mix_end(mix_end(hash, &match->source), &match->destination);
	return &flows->chains[hash % flows->max];
}

struct slot_flow *slot_flows_find(const struct slot_flows *flows,
				  const struct slot_flower_match *match)
{
	struct slot_flow *flow = *find_chain(flows, match);

	while (flow && !slot_flower_is_match(&flow->request.rule.match, match))
		flow = flow->next;
	return flow;
}

struct slot_flow *slot_flows_at(const struct slot_flows *flows, size_t place)
{
	struct slot_flow *flow;

	if (place >= flows->max)
		return NULL;
	flow = place_at(flows, place);
	return flow->is_used ? flow : NULL;
}

/* Of no place: one that is too large. */
static size_t place_of(const struct slot_flows *flows, __u32 handle)
{
	return handle < flows->first ? SIZE_MAX : handle - flows->first;
}

struct slot_flow *slot_flows_of(const struct slot_flows *flows, __u32 handle)
{
	return slot_flows_at(flows, place_of(flows, handle));
}

static struct slot_flow *find_place(const struct slot_flows *flows, __u32 handle)
{
	size_t place = place_of(flows, handle);

	if (!handle)
		return TAILQ_FIRST(&flows->free);
	return place >= flows->max || slot_flows_at(flows, place) ? NULL : place_at(flows, place);
}

struct slot_flow *slot_flows_add(struct slot_flows *flows, const struct slot_flower_rule *rule)
{
	struct slot_flow *flow = find_place(flows, rule->handle);
	struct slot_flow **chain = find_chain(flows, &rule->match);

	if (!flow || slot_flows_find(flows, &rule->match))
		return NULL;
	TAILQ_REMOVE(&flows->free, flow, free);
	memset((void *)flow, 0, flows->size);
	flow->request.rule = *rule;
	flow->is_used = true;
	flow->request.rule.handle =
		flows->first + (__u32)(((char *)flow - flows->places) / (ptrdiff_t)flows->size);
	flow->next = *chain;
	*chain = flow;
	flows->count++;
	return flow;
}

void slot_flows_del(struct slot_flows *flows, struct slot_flow *flow)
{
	struct slot_flow **at = find_chain(flows, &flow->request.rule.match);

	while (*at != flow)
		at = &(*at)->next;
	*at = flow->next;
	flow->is_used = false;
	TAILQ_INSERT_TAIL(&flows->free, flow, free);
	flows->count--;
}
