/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/agent/handoff_flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "loader/lib/base/hash.h"

void handoff_flows_free(struct handoff_flows *flows)
{
	free(flows->flows);
	free(flows->chains);
	flows->flows = NULL;
	flows->chains = NULL;
}

int handoff_flows_new(size_t max, struct handoff_flows *ret_flows)
{
	struct handoff_flows *flows = ret_flows;

	*flows = (struct handoff_flows){ .max = max };
	TAILQ_INIT(&flows->free);
	flows->flows = calloc(max, sizeof(*flows->flows));
	flows->chains = calloc(max, sizeof(struct handoff_flow *));
	if (!flows->flows || !flows->chains) {
		handoff_flows_free(flows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < max; i++)
		TAILQ_INSERT_TAIL(&flows->free, &flows->flows[i], free);
	return 0;
}

static struct handoff_flow **find_chain(const struct handoff_flows *flows,
					const struct handoff_key *key)
{
	return &flows->chains[slot_hash_add(SLOT_HASH_START, key, sizeof(*key)) % flows->max];
}

struct handoff_flow *handoff_flows_find(const struct handoff_flows *flows,
					const struct handoff_key *key)
{
	struct handoff_flow *flow = *find_chain(flows, key);

	while (flow && memcmp(&flow->key, key, sizeof(*key)) != 0)
		flow = flow->next;
	return flow;
}

struct handoff_flow *handoff_flows_at(const struct handoff_flows *flows, __u32 handle)
{
	struct handoff_flow *flow;

	if (!handle || handle > flows->max)
		return NULL;
	flow = &flows->flows[handle - 1];
	return flow->is_used ? flow : NULL;
}

static bool is_ip4(const __be32 address[4])
{
	return !address[0] && !address[1] && address[HANDOFF_MAPPED_WORD] == htonl(0xffff);
}

static struct slot_flower_end make_end(const __be32 address[4], __be16 port)
{
	struct slot_flower_end end = { .port = port };

	if (is_ip4(address))
		end.address[0] = address[HANDOFF_MAPPED_WORD + 1];
	else
		memcpy(end.address, address, sizeof(end.address));
	return end;
}

/*
 * Beginnings and ends of connections go to the program, which has to know of them. A part of a
 * packet, which has a port in it only if it is the first, would part from the others.
 */
static struct slot_flower_rule make_rule(const struct handoff_key *key,
					 const struct handoff_target *target, __u32 ifindex)
{
	struct slot_flower_rule rule = {
		.match = { .family = is_ip4(key->local) ? AF_INET : AF_INET6,
			   .proto = IPPROTO_TCP,
			   .no_fragments = true,
			   .no_ends = true,
			   .source = make_end(key->client, key->client_port),
			   .destination = make_end(key->local, key->local_port) },
		.actions = { { .kind = SLOT_FLOWER_READDRESS },
			     { .kind = SLOT_FLOWER_REDIRECT,
			       .ifindex = target->ifindex ? target->ifindex : ifindex } },
		.action_count = 2,
	};
	struct slot_flower_address *address = &rule.actions[0].address;

	memcpy(address->next_hop_mac, target->next_hop_mac, sizeof(address->next_hop_mac));
	memcpy(address->own_mac, target->own_mac, sizeof(address->own_mac));
	address->end = make_end(target->address, target->port);
	return rule;
}

struct handoff_flow *handoff_flows_add(struct handoff_flows *flows, const struct handoff_key *key,
				       const struct handoff_rule *rule, __u32 ifindex)
{
	struct handoff_flow *flow = TAILQ_FIRST(&flows->free);
	struct handoff_flow **chain = find_chain(flows, key);

	if (!flow)
		return NULL;
	TAILQ_REMOVE(&flows->free, flow, free);
	*flow = (struct handoff_flow){
		.request.rule = make_rule(key, &rule->target, ifindex),
		.key = *key,
		.id = rule->id,
		.since_ns = rule->since_ns,
		.is_used = true,
		.next = *chain,
	};
	flow->request.rule.handle = (__u32)(flow - flows->flows) + 1;
	*chain = flow;
	flows->count++;
	return flow;
}

void handoff_flows_del(struct handoff_flows *flows, struct handoff_flow *flow)
{
	struct handoff_flow **at = find_chain(flows, &flow->key);

	while (*at != flow)
		at = &(*at)->next;
	*at = flow->next;
	flow->is_used = false;
	TAILQ_INSERT_TAIL(&flows->free, flow, free);
	flows->count--;
}

bool handoff_flow_holds(const struct handoff_flow *flow, const struct handoff_rule *rule)
{
	return rule->id == flow->id && rule->since_ns == flow->since_ns &&
	       rule->ingress == HANDOFF_REDIRECT && !rule->use.seen;
}
