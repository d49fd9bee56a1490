/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded table of the connections that a device sends on: each has a place, whose number plus
 * one is the handle of its rule there. Pure: no system call but for memory.
 */
#ifndef HANDOFF_FLOWS_H
#define HANDOFF_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "loader/lib/offload/flower_request.h"
#include "programs/handoff/handoff_abi.h"

struct handoff_flow {
	struct slot_flower_request request; /* first */
	struct handoff_key key;
	__u64 id, since_ns; /* of the rule that it was made for */
	__u64 last_ns;	    /* when the device last sent a packet on, or was asked to */
	__u64 seen;	    /* the last look at the device that saw its rule */
	bool is_used;
	bool is_leaving;		/* its rule is to go */
	bool is_over;			/* and is gone, but not what others see of it */
	struct handoff_flow *next;	/* of its chain */
	TAILQ_ENTRY(handoff_flow) free; /* where it is not used */
};

struct handoff_flows {
	size_t max, count;
	struct handoff_flow *flows; /* by place */
	struct handoff_flow **chains;
	TAILQ_HEAD(, handoff_flow) free;
};

/* handoff_flows_new - not to be moved. handoff_flows_free. Returns 0 or -ENOMEM. */
int handoff_flows_new(size_t max, struct handoff_flows *ret_flows);
void handoff_flows_free(struct handoff_flows *flows);

/* handoff_flows_find - NULL: there is none of @key. */
struct handoff_flow *handoff_flows_find(const struct handoff_flows *flows,
					const struct handoff_key *key);
/* handoff_flows_at - the one whose rule has @handle; NULL: there is none. */
struct handoff_flow *handoff_flows_at(const struct handoff_flows *flows, __u32 handle);

/*
 * handoff_flows_add - one more, for @rule of @key, which is not in the table, with what its rule at
 * a device of number @ifindex is to match and do. NULL: the table is full.
 */
struct handoff_flow *handoff_flows_add(struct handoff_flows *flows, const struct handoff_key *key,
				       const struct handoff_rule *rule, __u32 ifindex);
/* handoff_flows_del - it is gone, and so is its rule. */
void handoff_flows_del(struct handoff_flows *flows, struct handoff_flow *flow);

/*
 * handoff_flow_holds - whether @rule still is what @flow was made for: no step was made since, not
 * even one to the same end, and nobody ended it.
 */
bool handoff_flow_holds(const struct handoff_flow *flow, const struct handoff_rule *rule);

#endif
