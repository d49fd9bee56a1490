/* SPDX-License-Identifier: GPL-2.0-only */
/* How lb_ring.c's kinds fill a ring; only lb_ring_build() calls them. */
#ifndef LB_RING_KINDS_H
#define LB_RING_KINDS_H

#include <stddef.h>

#include <linux/types.h>

#include "programs/lb/lb_abi.h"

/* A real that takes part: its weight is not 0. */
struct lb_ring_member {
	__u64 hash;
	__u32 weight;
	__u32 index;
};

/* lb_maglev_fill - of two members or more, sorted by hash. Returns 0 or -ENOMEM. */
int lb_maglev_fill(enum lb_ring_kind kind, const struct lb_ring_member *members, size_t count,
		   __u32 *ret_ring);

/* lb_hrw_fill - of one member or more, sorted by weight. */
void lb_hrw_fill(const struct lb_ring_member *members, size_t count, __u32 *ret_ring);

#endif
