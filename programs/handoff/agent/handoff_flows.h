/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections that a device sends on (loader/lib/offload/flows.h), and what their rules there match
 * and do. Pure: no system call but for memory.
 */
#ifndef HANDOFF_FLOWS_H
#define HANDOFF_FLOWS_H

#include "loader/lib/offload/flows.h"
#include "programs/handoff/handoff_abi.h"

struct handoff_flow {
	struct slot_flow flow; /* first */
	struct handoff_key key;
	__u64 id, since_ns; /* of the rule that it was made for */
	__u64 last_ns;	    /* when the device last sent a packet on, or was asked to */
	bool is_leaving;    /* its rule is to go */
	bool is_over;	    /* and is gone, but not what others see of it */
};

/* As slot_flows_new() and its kin. */
int handoff_flows_new(size_t max, __u64 owner, struct slot_flows *ret_flows);
struct handoff_flow *handoff_flows_at(const struct slot_flows *flows, size_t place);
struct handoff_flow *handoff_flows_of(const struct slot_flows *flows, __u32 handle);
void handoff_flows_del(struct slot_flows *flows, struct handoff_flow *flow);

/* handoff_flows_find - NULL: there is none of @key. */
struct handoff_flow *handoff_flows_find(const struct slot_flows *flows,
					const struct handoff_key *key);

/*
 * handoff_flows_add - one more, for @rule of @key, which is not in the table, with what its rule at
 * a device of number @ifindex is to match and do. NULL: the table is full.
 */
struct handoff_flow *handoff_flows_add(struct slot_flows *flows, const struct handoff_key *key,
				       const struct handoff_rule *rule, __u32 ifindex);

/*
 * handoff_flow_holds - whether @rule still is what @flow was made for: no step was made since, not
 * even one to the same end, and nobody ended it.
 */
bool handoff_flow_holds(const struct handoff_flow *flow, const struct handoff_rule *rule);

#endif
