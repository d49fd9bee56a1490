/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bounded table of flows that have a rule of flower at a device: each has a place, and its rule
 * a handle by that. A flow is the first member of its owner's struct. Pure: no system call but for
 * memory.
 */
#ifndef SLOT_FLOWS_H
#define SLOT_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "loader/lib/offload/flower_request.h"

/*
 * Of the rules' handles: the kernel gives handles from 1 to rules that come without, so those of
 * others at the same pref do not get here. Each owner has room for as many flows as there may be.
 */
#define SLOT_FLOWS_HANDLE 0x40000000U
#define SLOT_FLOWS_ROOMS 1024
#define SLOT_FLOWS_ROOM (1U << 20)

struct slot_flow {
	struct slot_flower_request request; /* first; the match is what the flow is known by */
	bool is_used;
	__u64 seen;		     /* the last look at the device that saw its rule */
	struct slot_flow *next;	     /* of its chain */
	TAILQ_ENTRY(slot_flow) free; /* where it is not used */
};

TAILQ_HEAD(slot_flow_list, slot_flow);

struct slot_flows {
	size_t max, count;
	size_t size;  /* of the owner's struct */
	__u32 first;  /* the handle of the first place's rule */
	char *places; /* the owner's structs */
	struct slot_flow **chains;
	struct slot_flow_list free;
};

/*
 * slot_flows_new - of up to @max flows, SLOT_FLOWS_ROOM at most, that are part of structs of @size
 * bytes, and whose rules are @owner's. Not to be moved. slot_flows_free. Returns 0 or -ENOMEM.
 */
int slot_flows_new(size_t max, size_t size, __u64 owner, struct slot_flows *ret_flows);
void slot_flows_free(struct slot_flows *flows);

/* slot_flows_find - NULL: there is none with @match. */
struct slot_flow *slot_flows_find(const struct slot_flows *flows,
				  const struct slot_flower_match *match);
/* slot_flows_at - the one at @place, from 0 to below max; NULL: there is none. */
struct slot_flow *slot_flows_at(const struct slot_flows *flows, size_t place);
/* slot_flows_of - the one whose rule has @handle; NULL: there is none. */
struct slot_flow *slot_flows_of(const struct slot_flows *flows, __u32 handle);

/*
 * slot_flows_add - one more flow, with @rule; where that has no handle it gets one. All else of its
 * owner's struct is 0. NULL: the table is full, the handle taken or none of a place, or such a flow
 * there.
 */
struct slot_flow *slot_flows_add(struct slot_flows *flows, const struct slot_flower_rule *rule);
/* slot_flows_del - it is gone, and so is its rule. */
void slot_flows_del(struct slot_flows *flows, struct slot_flow *flow);

#endif
