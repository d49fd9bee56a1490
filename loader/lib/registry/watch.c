/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/watch.h"

#include <stdio.h>

#define PPM 1000000.0

static double drop_ratio(const struct slot_watch_counts *counts)
{
	return counts->seen < SLOT_WATCH_PACKETS_MIN ?
		       0 :
		       (double)counts->dropped / (double)counts->seen;
}

/* What the rate of @before explains of the aborts among as many packets as @since has. */
static double expected_aborts(const struct slot_watch_counts *before,
			      const struct slot_watch_counts *since)
{
	if (before->seen < SLOT_WATCH_PACKETS_MIN)
		return 0;
	return (double)before->aborted / (double)before->seen * (double)since->seen;
}

bool slot_watch_judge(const struct slot_watch_terms *terms, const struct slot_watch_counts *before,
		      const struct slot_watch_counts *since, char *ret_text, size_t size)
{
	double old_ratio = drop_ratio(before);
	double new_ratio = drop_ratio(since);
	double allowed = terms->max_drop_ppm / PPM;
	double expected = expected_aborts(before, since);

	if (terms->has_abort && (double)since->aborted > expected + (double)terms->max_abort) {
		snprintf(ret_text, size,
			 "aborted or denied %llu of %llu packets, where %.0f were to be expected "
			 "and %llu more are allowed",
			 since->aborted, since->seen, expected, terms->max_abort);
		return true;
	}
	if (terms->has_drop && new_ratio > old_ratio + allowed) {
		snprintf(
			ret_text, size,
			"drops %.4f of its packets (%llu of %llu), against %.4f before, where %.4f "
			"more are allowed",
			new_ratio, since->dropped, since->seen, old_ratio, allowed);
		return true;
	}
	return false;
}
