/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The totals of a chain: what retired generations counted. They live in a pinned
 * map for as long as the chain does, over all versions of the root and of slotd,
 * so they have a version of their own, which is raised when the map's layout changes; what an
 * older slotd left is carried over.
 */
#ifndef SLOT_TOTALS_H
#define SLOT_TOTALS_H

#include "loader/lib/chain/counters.h"

#define SLOT_TOTALS_VERSION 2

/* The one element of the totals map. One update of it is atomic against a kill. */
#define SLOT_FOLDED_MAX 16
struct slot_totals {
	__u64 version;
	struct slot_counters sums;
	__u64 folded[SLOT_FOLDED_MAX]; /* the latest generations whose sums are in here, a ring */
	__u64 folded_next;
};

/* slot_totals_new - an empty totals map. Returns the descriptor or -errno. */
int slot_totals_new(void);

/*
 * slot_totals_open - the totals pinned in the folder @dir. Those of an older version are
 * replaced, under the same name, by a map of this version with the same sums.
 * Returns the descriptor, -ENOENT where there are none, -ENOTSUP for those of a
 * newer version, which are left alone, or -errno.
 */
int slot_totals_open(const char *dir);
int slot_totals_get(int fd, struct slot_totals *ret_totals);

/* What to fold: a generation that retires, and who is there after it. */
struct slot_fold {
	__u64 number;
	int counters_fd;
	struct slot_lineup lineup;
	struct slot_lineup current; /* of the generation that runs; empty: none */
};

/*
 * slot_totals_fold - move what a generation counted into the totals, once: a
 * second call for the same number changes nothing. What its canary counted is
 * kept while the totals or the running generation are of the same run of it.
 */
int slot_totals_fold(int totals_fd, const struct slot_fold *fold);

#endif
