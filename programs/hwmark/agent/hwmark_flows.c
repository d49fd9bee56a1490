/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/agent/hwmark_flows.h"

#include <errno.h>
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

int hwmark_flows_new(size_t max, struct hwmark_flows *ret_flows)
{
	struct hwmark_flows *flows = ret_flows;

	*flows = (struct hwmark_flows){ .max = max };
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

static bool is_same_end(const struct slot_flower_end *a, const struct slot_flower_end *b)
{
	return a->port == b->port && !memcmp(a->address, b->address, sizeof(a->address));
}

static bool is_same(const struct slot_flower_match *a, const struct slot_flower_match *b)
{
	return a->family == b->family && a->proto == b->proto &&
	       is_same_end(&a->source, &b->source) && is_same_end(&a->destination, &b->destination);
}

struct hwmark_flow *hwmark_flows_find(const struct hwmark_flows *flows,
				      const struct slot_flower_match *match)
{
	struct hwmark_flow *flow = *find_chain(flows, match);

	while (flow && !is_same(&flow->rule.rule.match, match))
		flow = flow->next;
	return flow;
}

struct hwmark_flow *hwmark_flows_at(const struct hwmark_flows *flows, __u32 handle)
{
	struct hwmark_flow *flow;

	if (!handle || handle > flows->max)
		return NULL;
	flow = &flows->flows[handle - 1];
	return flow->state == HWMARK_FLOW_NONE ? NULL : flow;
}

static struct hwmark_flow *find_place(const struct hwmark_flows *flows, __u32 handle)
{
	if (!handle)
		return TAILQ_FIRST(&flows->free);
	if (handle > flows->max || flows->flows[handle - 1].state != HWMARK_FLOW_NONE)
		return NULL;
	return &flows->flows[handle - 1];
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
	flow->rule.rule.handle = (__u32)(flow - flows->flows) + 1;
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
