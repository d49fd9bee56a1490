/* SPDX-License-Identifier: GPL-2.0-only */
/* What a scenario's packets counted, beside what the reference counted (NAME.counts). */
#ifndef TEST_LB_COUNTS_H
#define TEST_LB_COUNTS_H

#include "programs/lb/maps/lb_stats.h"
#include "tests/support/lb_scenario.h"

/* lb_counts_take - all that @object counted so far; free(). */
struct lb_stats *lb_counts_take(struct bpf_object *object);

/*
 * lb_counts_compare - what was counted since @before with the file @path, in which what is
 * not named is 0. Says what is not so, and returns how much.
 */
unsigned int lb_counts_compare(const struct lb_scenario *scenario, const struct lb_stats *before,
			       const char *path);

#endif
