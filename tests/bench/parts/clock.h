/* SPDX-License-Identifier: GPL-2.0-only */
/* What benchmarks read the time from. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <time.h>

/* bench_clock_ns - since some moment before the process began. */
static inline double bench_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

#endif
