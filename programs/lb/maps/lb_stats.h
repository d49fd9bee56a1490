/* SPDX-License-Identifier: GPL-2.0-only */
/* The load balancer's counters, summed over all CPUs. */
#ifndef LB_STATS_H
#define LB_STATS_H

#include "bpf/count_abi.h"
#include "programs/lb/maps/lb_maps.h"

struct lb_stats {
	__u64 counts[LB_COUNTERS];		  /* enum lb_counter */
	struct slot_count vips[LB_VIPS_MAX];	  /* by number */
	struct slot_count reals[LB_REAL_INDEXES]; /* by index */
};

/* A counter in words. */
struct lb_counter_name {
	const char *name;   /* NULL: the counter is not in use */
	const char *katran; /* what counts the same there; "": nothing does */
};

/* lb_counter_name - by enum lb_counter. */
const struct lb_counter_name *lb_counter_name(enum lb_counter counter);

/* lb_counter_verdict - what became of the packets; "" for events. */
const char *lb_counter_verdict(enum lb_counter counter);

/*
 * lb_stats_reset - element @index of LB_MAP_VIP_COUNTS or LB_MAP_REAL_COUNTS is 0 again, on
 * all CPUs. Not while packets count there. Returns 0 or -errno; says why.
 */
int lb_stats_reset(const struct lb_maps *maps, enum lb_map map, __u32 index,
		   struct slot_reason *why);

/* lb_stats_get - @ret_stats is large, and not for the stack. Returns 0 or -errno. */
int lb_stats_get(const struct lb_maps *maps, struct slot_reason *why, struct lb_stats *ret_stats);

#endif
