/* SPDX-License-Identifier: GPL-2.0-only */
/* Which instance a flow of UDP began with. */
#ifndef SOCKET_LB_DATA_FLOW_H
#define SOCKET_LB_DATA_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>

#include "bpf/socket_lb/data/enter.h"

#define NS_PER_S 1000000000ULL

static __always_inline int read_net(const struct sl_run *run, __u32 offset, void *to, __u32 len)
{
	return bpf_skb_load_bytes_relative(run->md, offset, to, len, BPF_HDR_START_NET);
}

/* read_flow - false where the packet's addresses cannot be read. */
static __always_inline bool read_flow(const struct sl_run *run, struct sl_flow_key *flow)
{
	*flow = (struct sl_flow_key){ .vip = run->index };
	if (bpf_skb_load_bytes(run->md, 0, &flow->client_port, sizeof(flow->client_port)))
		return false;
	if (run->md->eth_protocol == bpf_htons(ETH_P_IP)) {
		flow->family = 4;
		return !read_net(run, offsetof(struct iphdr, saddr), flow->client, 4) &&
		       !read_net(run, offsetof(struct iphdr, daddr), flow->server, 4);
	}
	flow->family = 6;
	return !read_net(run, offsetof(struct ipv6hdr, saddr), flow->client, 16) &&
	       !read_net(run, offsetof(struct ipv6hdr, daddr), flow->server, 16);
}

static __always_inline __u32 now_s(void)
{
	return bpf_ktime_get_coarse_ns() / NS_PER_S;
}

/* follow_flow - to the instance that the flow began with, while that is to be believed. */
static __always_inline void follow_flow(const struct sl_run *run, const struct sl_flow_key *key,
					struct sl_choice *choice)
{
	struct sl_flow *flow = bpf_map_lookup_elem(&sl_flows, key);
	__u32 now;

	if (!flow)
		return;
	now = now_s();
	choice->instance = flow->instance & 1;
	if (now - flow->seen_s <= run->vip->memory_s)
		choice->position = enter(run, choice->instance, WANT_POSITION | flow->position,
					 flow->generation);
	if (choice->position < 0) {
		count(run, SL_STALE_FLOW);
		return;
	}
	choice->outcome = SL_BY_FLOW;
	if (flow->position != choice->position)
		flow->position = choice->position;
	if (run->vip->mode == SL_FLOW && flow->seen_s != now)
		flow->seen_s = now;
}

/* keep_flow - remember where the flow went. */
static __always_inline void keep_flow(const struct sl_run *run, const struct sl_flow_key *key,
				      const struct sl_choice *choice)
{
	__u32 place = SL_INSTANCE_INDEX(run->index, choice->instance & 1);
	const struct sl_instance *instance = bpf_map_lookup_elem(&sl_instances, &place);
	struct sl_flow flow = {
		.instance = choice->instance & 1,
		.position = choice->position,
		.seen_s = now_s(),
	};

	if (!instance)
		return;
	flow.generation = instance->generation;
	if (bpf_map_update_elem(&sl_flows, key, &flow, BPF_ANY))
		count(run, SL_NOT_RECORDED);
}

#endif
