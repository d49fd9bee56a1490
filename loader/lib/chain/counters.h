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
	__u64 passed;  /* came through all of it */
	struct slot_packets slots[ROOT_SLOTS];
};

/* The one element of the totals map. One update of it is atomic against a kill. */
#define SLOT_FOLDED_MAX 16
struct slot_totals {
	struct slot_counters sums;
	__u64 folded[SLOT_FOLDED_MAX]; /* the latest generations whose sums are in here, a ring */
	__u64 folded_next;
};

/* slot_counters_new - a map for one generation. @ret_cpu_max: CPUs it has room for. Returns the descriptor or -errno. */
int slot_counters_new(unsigned int *ret_cpu_max);

/* slot_counters_clear - zero a generation's map. Returns 0 or -errno. */
int slot_counters_clear(int fd);

/*
 * slot_counters_derive - from one generation's raw counters, added over the
 * CPUs, to packets per slot, added onto @sums. @running: bit per slot that the
 * generation ran. Pure.
 */
void slot_counters_derive(const struct root_counters *raw, __u32 running,
			  struct slot_counters *sums);

/* slot_counters_add - read the map @fd and derive it onto @sums. Returns 0 or -errno. */
int slot_counters_add(int fd, __u32 running, struct slot_counters *sums);

/* slot_totals_new - an empty totals map. Returns the descriptor or -errno. */
int slot_totals_new(void);
int slot_totals_get(int fd, struct slot_totals *ret_totals);

/*
 * slot_totals_fold - move what generation @number counted in @counters_fd into
 * the totals, once: a second call for the same number changes nothing.
 */
int slot_totals_fold(int totals_fd, __u64 number, int counters_fd, __u32 running);

#endif
