/* SPDX-License-Identifier: GPL-2.0-only */
/* From the times of trials to the figures that a benchmark writes. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stddef.h>

#include <jansson.h>

#include "tests/bench/parts/settings.h"

/* bench_least - whatever else a machine does makes a packet slower and none faster. */
double bench_least(const double *values, size_t count);

/* bench_sort - ascending: the least is the first then, the median that in the middle. */
void bench_sort(double *values, size_t count);

/* bench_number - @value rounded to 1/@parts, as JSON that the caller owns. */
json_t *bench_number(double value, unsigned int parts);

/*
 * bench_print - the kernel, how it was measured, and what is in @results, as one JSON object on
 * stdout. @results is released; NULL, for lack of memory, is an error. Returns 0 or -EIO.
 */
int bench_print(const struct bench_settings *settings, json_t *results);

#endif
