/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded table of the flows that are offloaded: each has a place, and its rule a handle by
 * that. Pure: no system call but for memory.
 */
#ifndef HWMARK_FLOWS_H
#define HWMARK_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "loader/lib/offload/flower_request.h"

/*
 * Of the rules' handles: the kernel gives handles from 1 to rules that come without, so those of
 * others at the same pref do not get here. Each owner has room for as many flows as there may be.
 */
#define HWMARK_FLOWS_HANDLE 0x40000000U
#define HWMARK_FLOWS_ROOMS 1024
#define HWMARK_FLOWS_ROOM (1U << 20)

enum hwmark_flow_state {
	HWMARK_FLOW_NONE,
	HWMARK_FLOW_WANTED,  /* its rule is being installed */
	HWMARK_FLOW_ACTIVE,  /* its rule is there */
	HWMARK_FLOW_LEAVING, /* its rule is being removed, or not installed after all */
};

struct hwmark_flow {
	struct slot_flower_request rule; /* first; the match is what the flow is known by */
	enum hwmark_flow_state state;
	TAILQ_ENTRY(hwmark_flow) free; /* while NONE */
	struct hwmark_flow *next;      /* of its chain, else */
	__u64 seen;		       /* the last look at the device that saw its rule */
	bool is_flushed;	       /* a command waits for its end */
};

TAILQ_HEAD(hwmark_flow_list, hwmark_flow);

struct hwmark_flows {
	size_t max, count;
	__u32 first;		   /* the handle of the first place's rule */
	struct hwmark_flow *flows; /* by place */
	struct hwmark_flow **chains;
	struct hwmark_flow_list free;
};

/*
 * hwmark_flows_new - of up to @max flows, HWMARK_FLOWS_ROOM at most, whose rules are @owner's. Not
 * to be moved. hwmark_flows_free. Returns 0 or -ENOMEM.
 */
int hwmark_flows_new(size_t max, __u64 owner, struct hwmark_flows *ret_flows);
void hwmark_flows_free(struct hwmark_flows *flows);

/* hwmark_flows_find - NULL: there is none with @match. */
struct hwmark_flow *hwmark_flows_find(const struct hwmark_flows *flows,
				      const struct slot_flower_match *match);
/* hwmark_flows_at - the one at @place, from 0 to below @max; NULL: there is none. */
struct hwmark_flow *hwmark_flows_at(const struct hwmark_flows *flows, size_t place);
/* hwmark_flows_of - the one whose rule has @handle; NULL: there is none. */
struct hwmark_flow *hwmark_flows_of(const struct hwmark_flows *flows, __u32 handle);

/*
 * hwmark_flows_add - one more flow, WANTED, with @rule; where that has no handle it gets one.
 * NULL: the table is full, the handle taken or none of a place, or such a flow there.
 */
struct hwmark_flow *hwmark_flows_add(struct hwmark_flows *flows,
				     const struct slot_flower_rule *rule);
/* hwmark_flows_del - it is gone, and so is its rule. */
void hwmark_flows_del(struct hwmark_flows *flows, struct hwmark_flow *flow);

#endif
