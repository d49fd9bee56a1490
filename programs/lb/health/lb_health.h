/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of the reals that are checked: when each is asked next, what came of
 * it, and which of them are to be taken out of their VIPs and in again. Pure: no
 * system call but for memory, times are the caller's.
 *
 * Whether a real is out is what the load balancer's maps say, told by
 * lb_health_merge(); here are counts of what it answered of late.
 */
#ifndef LB_HEALTH_H
#define LB_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

#include "programs/lb/health/lb_health_file.h"

#define LB_HEALTH_ERROR_MAX 96
#define LB_HEALTH_NEVER (~0ULL)
/* A real that is taken out again sooner than this after it came in has to answer twice as often. */
#define LB_HEALTH_CALM_MS (300U * 1000)
#define LB_HEALTH_LEVEL_MAX 5

enum lb_health_outcome {
	LB_HEALTH_ANSWERED,
	LB_HEALTH_FAILED,
	LB_HEALTH_UNASKED, /* this host could not ask it: says nothing of the real */
};

struct lb_health_result {
	enum lb_health_outcome outcome;
	char error[LB_HEALTH_ERROR_MAX]; /* why it did not answer */
};

/* A real of a VIP as the maps have it. */
struct lb_health_seen {
	struct lb_vip_name vip;
	struct lb_host host;
	const struct lb_health_check *check;
	__u32 mark;	 /* of its probes; 0: they go without */
	bool is_direct;	 /* asked at its own address, as it has not the VIP's */
	bool has_source; /* a direct one is asked only from @source, which is set */
	struct lb_host source;
	bool is_drained; /* these two by an operator */
	bool is_down;
	bool is_failed; /* by a checker */
};

struct lb_health_target {
	struct lb_health_seen seen;
	__u32 fails, successes; /* in a row: one of them is 0 */
	__u64 since_ms;		/* when the row began */
	__u64 changed_ms;	/* when it came to be in or out; 0: before this checker */
	__u8 level;		/* how often, of late, it was out soon after it came in */
	bool is_kept;		/* fails, but too few would be left */
	bool is_told;		/* that it fails and is left as it is */
	struct lb_health_result last;
	__u64 took_ms; /* the last probe */
	__u64 due_ms;  /* its next probe, or the end of this one */
	__u64 started_ms;
	bool is_running;
	bool is_astray; /* this probe went from an address that is the source no more */
	bool is_gone;	/* none of the VIP's any more; freed with the end of its probe */
	size_t place;	/* in the queue */
	void *probe;	/* the prober's */
};

struct lb_health {
	struct lb_health_target **targets; /* by VIP, then address */
	size_t count;
	struct lb_health_target **queue; /* a heap by due_ms, with those that are gone */
	size_t queued, room;
	__u64 random;
	bool is_at_once; /* reals that are new are asked at once, not spread */
};

/* lb_health_new - @seed: for the spread of probes. lb_health_free, when no probe runs. */
void lb_health_new(__u64 seed, struct lb_health *ret_health);
void lb_health_free(struct lb_health *health);

/*
 * lb_health_merge - from now on these are the reals; sorted in place. What is known of
 * those that stay is kept, new ones are spread over their interval. Returns 0 or
 * -ENOMEM, and then nothing has changed.
 */
int lb_health_merge(struct lb_health *health, struct lb_health_seen *seen, size_t count,
		    __u64 now_ms);

/* lb_health_next - when the first of the queue is due. */
__u64 lb_health_next(const struct lb_health *health);
/* lb_health_due - the first of the queue, if it is due; NULL: none. It stays there. */
struct lb_health_target *lb_health_due(const struct lb_health *health, __u64 now_ms);
/* lb_health_start - its probe begins. */
void lb_health_start(struct lb_health *health, struct lb_health_target *target, __u64 now_ms);
/* lb_health_delay - its probe cannot begin, for lack of room; later. */
void lb_health_delay(struct lb_health *health, struct lb_health_target *target, __u64 now_ms);
/* lb_health_pass - its probe is left out, for @error: counted anew. */
void lb_health_pass(struct lb_health *health, struct lb_health_target *target, const char *error,
		    __u64 now_ms);
/* lb_health_end - what came of it. A target that is gone is freed. */
void lb_health_end(struct lb_health *health, struct lb_health_target *target,
		   const struct lb_health_result *result, __u64 now_ms);
/* lb_health_forget - count anew what is marked: what came of the last probes says nothing. */
void lb_health_forget(struct lb_health *health);
/* lb_health_is_ripe - its counts may lead to a change. */
bool lb_health_is_ripe(const struct lb_health_target *target);

struct lb_health_change {
	struct lb_health_target *target;
	bool is_out;	/* out, else in */
	bool is_forced; /* in although it fails: else too few were left */
};

/*
 * lb_health_decide - what is to be changed now, VIP by VIP. Also sets is_kept.
 * @ret_changes: room for all targets. Returns how many.
 */
size_t lb_health_decide(struct lb_health *health, struct lb_health_change *ret_changes);
/* lb_health_changed - that was done. */
void lb_health_changed(const struct lb_health_change *change, __u64 now_ms);

/* lb_health_floor - how many of @count reals have to stay in. */
size_t lb_health_floor(const struct lb_health_check *check, size_t count);

#endif
