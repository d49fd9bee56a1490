/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a chain counted. The root increments one counter per packet, where the
 * packet's way ended; the rest follows from the order of the slots. Since that
 * order belongs to one generation, each generation counts in a map of its own,
 * and when it retires its sums move into the chain's totals, which stay.
 */
#ifndef SLOT_COUNTERS_H
#define SLOT_COUNTERS_H

#include <stdbool.h>

#include <linux/types.h>

#include "dispatcher/root_abi.h"
#include "loader/lib/base/reason.h"

struct slot_packets {
	__u64 seen;			/* packets that reached the slot */
	__u64 verdicts[ROOT_COL_COUNT]; /* by enum root_column */
};

struct slot_counters {
	__u64 packets; /* entered the chain */
	__u64 passed;  /* came to the end of it */
	struct slot_packets slots[ROOT_SLOTS];
	struct slot_packets canaries[ROOT_SLOTS]; /* what of them a slot's canary answered */
	__u32 canary_since[ROOT_SLOTS];		  /* of which run of it; 0: none */
};

/* Who was there when a generation counted. */
struct slot_lineup {
	unsigned int root_abi; /* version of its root, and so of what it counted in; 0: this one's */
	__u32 running;	       /* bit per slot that it ran */
	/*
	 * The generation that the slot's canary began with, 0 without one: it
	 * tells one run of a canary from the next, even of the same object.
	 */
	__u32 canary_since[ROOT_SLOTS];
};

/* slot_counters_new - a map for one generation. @ret_cpu_max: CPUs it has room for. Returns the descriptor or -errno. */
int slot_counters_new(unsigned int *ret_cpu_max);

/* slot_counters_value_size - of the map's one element, in bytes. Returns 0 or -errno. */
int slot_counters_value_size(int fd, __u32 *ret_size);

/* slot_counters_clear - zero a generation's map. Returns 0 or -errno. */
int slot_counters_clear(int fd);

/*
 * slot_counters_derive - from one generation's raw counters, added over the
 * CPUs, to packets per slot, added onto @sums. A canary's are added where @sums
 * are of the same run of it (slot_counters_choose). Pure.
 */
void slot_counters_derive(const struct root_counters *raw, const struct slot_lineup *lineup,
			  struct slot_counters *sums);

/*
 * slot_counters_choose - let @sums be of the canaries of @lineup, or of the run @since of @slot's
 * canary alone: those of any other start at 0. Pure.
 */
void slot_counters_choose(struct slot_counters *sums, const struct slot_lineup *lineup);
void slot_counters_choose_slot(struct slot_counters *sums, unsigned int slot, __u32 since);

/*
 * slot_counters_add - read the map @fd, by the layout of the root's version, and
 * derive it onto @sums. Returns 0, -ENOTSUP for a version that is newer than this
 * slotd, or -errno.
 */
int slot_counters_add(int fd, const struct slot_lineup *lineup, struct slot_counters *sums);

#endif
