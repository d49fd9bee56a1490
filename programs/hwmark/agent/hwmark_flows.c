/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/agent/hwmark_flows.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/hash.h"

void hwmark_flows_free(struct hwmark_flows *flows)
{
	free(flows->flows);
	free(flows->chains);
	flows->flows = NULL;
	flows->chains = NULL;
}

/* Agents of other slots may be at the same device and pref: they hardly ever meet. */
static __u32 first_handle(__u64 owner)
{
	return HWMARK_FLOWS_HANDLE + (__u32)(owner % HWMARK_FLOWS_ROOMS) * HWMARK_FLOWS_ROOM;
}

int hwmark_flows_new(size_t max, __u64 owner, struct hwmark_flows *ret_flows)
{
	struct hwmark_flows *flows = ret_flows;

	*flows = (struct hwmark_flows){ .max = max, .first = first_handle(owner) };
	TAILQ_INIT(&flows->free);
	flows->flows = calloc(max, sizeof(*flows->flows));
	flows->chains = calloc(max, sizeof(struct hwmark_flow *));
	if (!flows->flows || !flows->chains) {
		hwmark_flows_free(flows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < max; i++)
		TAILQ_INSERT_TAIL(&flows->free, &flows->flows[i], free);
	return 0;
}

static __u32 mix_end(__u32 hash, const struct slot_flower_end *end)
{
	hash = slot_hash_add(hash, end->address, sizeof(end->address));
	return slot_hash_add(hash, &end->port, sizeof(end->port));
}

static struct hwmark_flow **find_chain(const struct hwmark_flows *flows,
				       const struct slot_flower_match *match)
{
	__u32 hash = slot_hash_add(SLOT_HASH_START, &match->proto, sizeof(match->proto));

	hash = mix_end(mix_end(hash, &match->source), &match->destination);
	return &flows->chains[hash % flows->max];
}

struct hwmark_flow *hwmark_flows_find(const struct hwmark_flows *flows,
				      const struct slot_flower_match *match)
{
	struct hwmark_flow *flow = *find_chain(flows, match);

	while (flow && !slot_flower_is_match(&flow->rule.rule.match, match))
		flow = flow->next;
	return flow;
}

struct hwmark_flow *hwmark_flows_at(const struct hwmark_flows *flows, size_t place)
{
	if (place >= flows->max || flows->flows[place].state == HWMARK_FLOW_NONE)
		return NULL;
	return &flows->flows[place];
}

/* Of no place: one that is too large. */
static size_t place_of(const struct hwmark_flows *flows, __u32 handle)
{
	return handle < flows->first ? SIZE_MAX : handle - flows->first;
}

struct hwmark_flow *hwmark_flows_of(const struct hwmark_flows *flows, __u32 handle)
{
	return hwmark_flows_at(flows, place_of(flows, handle));
}

static struct hwmark_flow *find_place(const struct hwmark_flows *flows, __u32 handle)
{
	size_t place = place_of(flows, handle);

	if (!handle)
		return TAILQ_FIRST(&flows->free);
	if (place >= flows->max || flows->flows[place].state != HWMARK_FLOW_NONE)
		return NULL;
	return &flows->flows[place];
}

struct hwmark_flow *hwmark_flows_add(struct hwmark_flows *flows,
				     const struct slot_flower_rule *rule)
{
	struct hwmark_flow *flow = find_place(flows, rule->handle);
	struct hwmark_flow **chain = find_chain(flows, &rule->match);

	if (!flow || hwmark_flows_find(flows, &rule->match))
		return NULL;
	TAILQ_REMOVE(&flows->free, flow, free);
	*flow = (struct hwmark_flow){ .rule.rule = *rule, .state = HWMARK_FLOW_WANTED };
	flow->rule.rule.handle = flows->first + (__u32)(flow - flows->flows);
	flow->next = *chain;
	*chain = flow;
	flows->count++;
	return flow;
}

void hwmark_flows_del(struct hwmark_flows *flows, struct hwmark_flow *flow)
{
	struct hwmark_flow **at = find_chain(flows, &flow->rule.rule.match);

	while (*at != flow)
		at = &(*at)->next;
	*at = flow->next;
	flow->state = HWMARK_FLOW_NONE;
	TAILQ_INSERT_TAIL(&flows->free, flow, free);
	flows->count--;
}
