/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/agent/handoff_flows.h"

#include <string.h>

#include "programs/handoff/maps/handoff_address.h"

int handoff_flows_new(size_t max, __u64 owner, struct slot_flows *ret_flows)
{
	return slot_flows_new(max, sizeof(struct handoff_flow), owner, ret_flows);
}

struct handoff_flow *handoff_flows_at(const struct slot_flows *flows, size_t place)
{
	return (struct handoff_flow *)slot_flows_at(flows, place);
}

struct handoff_flow *handoff_flows_of(const struct slot_flows *flows, __u32 handle)
{
	return (struct handoff_flow *)slot_flows_of(flows, handle);
}

void handoff_flows_del(struct slot_flows *flows, struct handoff_flow *flow)
{
	slot_flows_del(flows, &flow->flow);
}

static struct slot_flower_end make_end(const __be32 address[4], __be16 port)
{
	struct slot_flower_end end = { .port = port };

	if (handoff_address_is_ip4(address))
		end.address[0] = address[HANDOFF_MAPPED_WORD + 1];
	else
		memcpy(end.address, address, sizeof(end.address));
	return end;
}

/*
 * Beginnings and ends of connections go to the program, which has to know of them. A part of a
 * packet, which has a port in it only if it is the first, would part from the others.
 */
static struct slot_flower_match make_match(const struct handoff_key *key)
{
	return (struct slot_flower_match){
		.family = handoff_address_is_ip4(key->local) ? AF_INET : AF_INET6,
		.proto = IPPROTO_TCP,
		.no_fragments = true,
		.no_ends = true,
		.source = make_end(key->client, key->client_port),
		.destination = make_end(key->local, key->local_port),
	};
}

static struct slot_flower_rule make_rule(const struct handoff_key *key,
					 const struct handoff_target *target, __u32 ifindex)
{
	struct slot_flower_rule rule = {
		.match = make_match(key),
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

struct handoff_flow *handoff_flows_find(const struct slot_flows *flows,
					const struct handoff_key *key)
{
	const struct slot_flower_match match = make_match(key);

	return (struct handoff_flow *)slot_flows_find(flows, &match);
}

struct handoff_flow *handoff_flows_add(struct slot_flows *flows, const struct handoff_key *key,
				       const struct handoff_rule *rule, __u32 ifindex)
{
	const struct slot_flower_rule made = make_rule(key, &rule->target, ifindex);
	struct handoff_flow *flow = (struct handoff_flow *)slot_flows_add(flows, &made);

	if (!flow)
		return NULL;
	flow->key = *key;
	flow->id = rule->id;
	flow->since_ns = rule->since_ns;
	return flow;
}

bool handoff_flow_holds(const struct handoff_flow *flow, const struct handoff_rule *rule)
{
	return rule->id == flow->id && rule->since_ns == flow->since_ns &&
	       rule->ingress == HANDOFF_REDIRECT && !rule->use.seen;
}
