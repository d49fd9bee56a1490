/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes under way: connections to a VIP, or to a real's own address, and what came of
 * them. One thread, one epoll; their deadlines are the caller's.
 */
#ifndef LB_HEALTH_PROBE_H
#define LB_HEALTH_PROBE_H

#include "programs/lb/health/lb_health.h"

/* No more of an answer is read. */
#define LB_HEALTH_ANSWER_MAX (64 * 1024)

struct lb_probes;

struct lb_probes_setup {
	size_t max; /* at once */
	int fd;	    /* watched beside the probes */
	/* Called with the end of each probe. */
	void (*done)(void *ctx, struct lb_health_target *target,
		     const struct lb_health_result *result);
	void *ctx;
};

/* lb_probes_new - Returns 0, -ENOMEM, or -errno and says why. */
int lb_probes_new(const struct lb_probes_setup *setup, struct slot_reason *why,
		  struct lb_probes **ret_probes);
/* lb_probes_free - those under way end without a word. */
void lb_probes_free(struct lb_probes *probes);

/* lb_probes_check_marks - whether this process may mark them. Returns 0, or -errno and says why. */
int lb_probes_check_marks(__u32 mark, struct slot_reason *why);

/*
 * lb_probes_start - from @file's source address, or the target's own. Returns 0,
 * -EBUSY where as many run as may, or -ENOMEM.
 */
int lb_probes_start(struct lb_probes *probes, const struct lb_health_file *file,
		    struct lb_health_target *target);
/* lb_probes_expire - its time is over: it is done. */
void lb_probes_expire(struct lb_health_target *target);

/*
 * lb_probes_wait - until something happens, at most @timeout_ms, and handle it.
 * @ret_is_ready: whether setup.fd can be read. Returns 0, or -errno and says why.
 */
int lb_probes_wait(struct lb_probes *probes, int timeout_ms, struct slot_reason *why,
		   bool *ret_is_ready);

#endif
