/* SPDX-License-Identifier: GPL-2.0-only */
/* Flows that are offloaded (loader/lib/offload/flows.h), and how far each is. */
#ifndef HWMARK_FLOWS_H
#define HWMARK_FLOWS_H

#include "loader/lib/offload/flows.h"

enum hwmark_flow_state {
	HWMARK_FLOW_WANTED,  /* its rule is being installed */
	HWMARK_FLOW_ACTIVE,  /* its rule is there */
	HWMARK_FLOW_LEAVING, /* its rule is being removed, or not installed after all */
};

struct hwmark_flow {
	struct slot_flow flow; /* first */
	enum hwmark_flow_state state;
	bool is_flushed; /* a command waits for its end */
};

/* As slot_flows_new() and its kin. */
static inline int hwmark_flows_new(size_t max, __u64 owner, struct slot_flows *ret_flows)
{
	return slot_flows_new(max, sizeof(struct hwmark_flow), owner, ret_flows);
}

static inline struct hwmark_flow *hwmark_flows_find(const struct slot_flows *flows,
						    const struct slot_flower_match *match)
{
	return (struct hwmark_flow *)slot_flows_find(flows, match);
}

static inline struct hwmark_flow *hwmark_flows_at(const struct slot_flows *flows, size_t place)
{
	return (struct hwmark_flow *)slot_flows_at(flows, place);
}

static inline struct hwmark_flow *hwmark_flows_of(const struct slot_flows *flows, __u32 handle)
{
	return (struct hwmark_flow *)slot_flows_of(flows, handle);
}

static inline struct hwmark_flow *hwmark_flows_add(struct slot_flows *flows,
						   const struct slot_flower_rule *rule)
{
	return (struct hwmark_flow *)slot_flows_add(flows, rule);
}

static inline void hwmark_flows_del(struct slot_flows *flows, struct hwmark_flow *flow)
{
	slot_flows_del(flows, &flow->flow);
}

#endif
