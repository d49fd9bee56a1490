/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ways to other hosts that were found a moment ago, for connections that move to them as well. */
#ifndef HANDOFF_WAYS_H
#define HANDOFF_WAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "programs/handoff/maps/handoff_target.h"

#define HANDOFF_WAYS 16

/*
 * So long a way is not asked for again. A rule keeps its way as long as its connection lasts: one
 * that is made so much later than a change is no worse than those that were made just before it.
 */
#define HANDOFF_WAY_MS 1000

/* One way, or that its next hop was asked for its MAC address. */
struct handoff_way {
	struct handoff_target target;
	int64_t until_ms; /* 0: none */
	int64_t retry_ms; /* of what was not found: when the kernel is asked again */
	bool is_found;
};

/* All 0: none is known. */
struct handoff_ways {
	struct handoff_way known[HANDOFF_WAYS];
};

/*
 * handoff_ways_find - as handoff_target_find(), and kept in @ways instead of the one that is over
 * first. Where it says -EAGAIN an empty datagram (UDP, port 9) is sent there, at most one in a
 * second, for which the kernel asks the next hop: within some milliseconds it is known then.
 */
int handoff_ways_find(struct handoff_ways *ways, const struct sockaddr *address,
		      struct slot_reason *why, struct handoff_target *ret_target);

#endif
