/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marks: which are free, and what the others stand for. Pure: no system call but for memory.
 *
 *	OUT --give--> FREE --take--> OUT --use--> USED --drop to 0--> RESTING --wake--> FREE
 *
 * OUT is in somebody's hands: the load balancer's pools, or whoever took it. A mark that rules
 * gave rests before it is another flow's: packets that have it may still wait in the device.
 */
#ifndef HWMARK_MARKS_H
#define HWMARK_MARKS_H

#include <stdbool.h>

#include "programs/hwmark/hwmark_abi.h"

enum hwmark_mark_state {
	HWMARK_MARK_OUT,
	HWMARK_MARK_FREE,
	HWMARK_MARK_USED,
	HWMARK_MARK_RESTING,
};

#define HWMARK_REST_MS 1000

struct hwmark_mark {
	enum hwmark_mark_state state;
	__u32 users;   /* flows, while USED */
	__u64 rest_ms; /* RESTING, since; 0: its entry is not free yet */
	bool is_dead;  /* USED, but no new flows: what it stands for is no longer so */
	__u32 next;    /* of its chain while USED; 0: the last */
	struct hwmark_entry entry;
};

struct hwmark_marks {
	__u32 count; /* marks are from 1 to below it */
	__u32 used;
	struct hwmark_mark *marks;
	__u32 *free; /* a ring, so that a mark rests as long as it can */
	__u32 free_first, free_count;
	__u32 *resting; /* a ring as well */
	__u32 resting_first, resting_count;
	__u32 *chains; /* by what the entry is; marks */
	__u32 chain_count;
};

/* hwmark_marks_new - all are OUT. hwmark_marks_free. Returns 0 or -ENOMEM. */
int hwmark_marks_new(__u32 count, struct hwmark_marks *ret_marks);
void hwmark_marks_free(struct hwmark_marks *marks);

/* hwmark_marks_state - OUT also for what is no mark. */
enum hwmark_mark_state hwmark_marks_state(const struct hwmark_marks *marks, __u32 mark);

/* hwmark_marks_give - one that is OUT is FREE; others, and what is no mark, stay as they are. */
void hwmark_marks_give(struct hwmark_marks *marks, __u32 mark);
/* hwmark_marks_take - the one that is FREE for the longest time is OUT; 0: none is. */
__u32 hwmark_marks_take(struct hwmark_marks *marks);

/*
 * hwmark_marks_find - the one that stands for @entry, of whatever generation, and is not dead;
 * 0: none.
 */
__u32 hwmark_marks_find(const struct hwmark_marks *marks, const struct hwmark_entry *entry);
/* hwmark_marks_use - one that is OUT stands for @entry, and has one user. */
void hwmark_marks_use(struct hwmark_marks *marks, __u32 mark, const struct hwmark_entry *entry);
/*
 * hwmark_marks_drop - one that is USED has one user less. Returns whether that was the last: it
 * is RESTING, to be told hwmark_marks_rest() of when its entry is free.
 */
bool hwmark_marks_drop(struct hwmark_marks *marks, __u32 mark);

/*
 * hwmark_marks_rest - one that is OUT or was dropped rests from @now_ms on, not 0; others stay
 * as they are. hwmark_marks_wake - those that have rested for HWMARK_REST_MS are FREE.
 */
void hwmark_marks_rest(struct hwmark_marks *marks, __u32 mark, __u64 now_ms);
void hwmark_marks_wake(struct hwmark_marks *marks, __u64 now_ms);

#endif
