/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/bench/parts/figures.h"

#include <stdlib.h>

double bench_least(const double *values, size_t count)
{
	double min = values[0];
	size_t i;

	for (i = 1; i < count; i++)
		min = values[i] < min ? values[i] : min;
	return min;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_sort(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
}

json_t *bench_number(double value, unsigned int parts)
{
	return json_real((double)(long)(value * parts + (value < 0 ? -0.5 : 0.5)) / parts);
}
