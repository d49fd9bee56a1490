/* SPDX-License-Identifier: GPL-2.0-only */
/* The load balancer's pools of free marks, one a CPU, in memory that it maps as well. */
#ifndef HWMARK_POOL_H
#define HWMARK_POOL_H

#include "loader/lib/base/reason.h"
#include "programs/hwmark/agent/hwmark_marks.h"

struct hwmark_pool {
	struct lb_mark_pool *pools; /* by CPU; NULL: closed */
	__u32 cpus;		    /* that there may be, and that have a pool */
	int fd;			    /* the map */
};

/* hwmark_pool_open - of lb with maps in @lb_dir. Returns 0 or -errno, and says why. */
int hwmark_pool_open(const char *lb_dir, struct slot_reason *why, struct hwmark_pool *ret_pool);
void hwmark_pool_close(struct hwmark_pool *pool);

/*
 * hwmark_pool_fill - put as many FREE @marks into each pool as it has room for, half of all
 * marks at most; they are OUT. Returns how many are in pools now.
 */
__u32 hwmark_pool_fill(const struct hwmark_pool *pool, struct hwmark_marks *marks);

/*
 * hwmark_pool_look - set those of @ret_is_in, by mark, of @count marks, that are in a pool.
 * Those that are taken meanwhile count as well.
 */
void hwmark_pool_look(const struct hwmark_pool *pool, __u32 count, bool *ret_is_in);

#endif
