/* SPDX-License-Identifier: GPL-2.0-only */
/* How a benchmark of packets goes: a bed, rounds over all that is measured, and the results. */
#ifndef BENCH_COURSE_H
#define BENCH_COURSE_H

#include <jansson.h>

#include "tests/bench/parts/settings.h"

/* All get the benchmark's own @bench; 0 or -errno. */
struct bench_course {
	const char *name;
	int (*open)(void *bench, unsigned int ifindex); /* of the bed's veth */
	/* Goes through all once, so that a slow moment of the machine hits all alike. */
	int (*measure)(void *bench, unsigned int trial);
	json_t *(*results)(void *bench); /* NULL: no memory */
};

/* bench_course_run - the whole of a benchmark. Returns main()'s exit status. */
int bench_course_run(const struct bench_course *course, void *bench,
		     struct bench_settings *settings, int argc, char **argv);

#endif
