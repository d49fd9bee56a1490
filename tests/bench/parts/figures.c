/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/bench/parts/figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

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

int bench_print(const struct bench_settings *settings, json_t *results)
{
	struct utsname host;
	json_t *all;
	int err;

	uname(&host);
	all = json_pack("{s:s, s:i, s:i}", "kernel", host.release, "repeat", (int)settings->repeat,
			"trials", (int)settings->trials);
	err = !all || !results || json_object_update(all, results) ||
	      json_dumpf(all, stdout, JSON_INDENT(1)) || puts("") < 0;
	json_decref(results);
	json_decref(all);
	return err ? -EIO : 0;
}
