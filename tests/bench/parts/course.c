/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/bench/parts/course.h"

#include <stdio.h>
#include <string.h>

#include "tests/bench/parts/bed.h"
#include "tests/bench/parts/figures.h"

int bench_course_run(const struct bench_course *course, void *bench,
		     struct bench_settings *settings, int argc, char **argv)
{
	unsigned int ifindex = 0, trial;
	int err;

	if (bench_settings_parse(argc, argv, settings))
		return 2;
	err = bench_bed_open(&ifindex);
	err = err ? err : bench_cpu_pin();
	err = err ? err : course->open(bench, ifindex);
	for (trial = 0; !err && trial < settings->trials; trial++)
		err = course->measure(bench, trial);
	err = err ? err : bench_print(settings, course->results(bench));
	if (err)
		fprintf(stderr, "%s: %s\n", course->name, strerror(-err));
	return err ? 1 : 0;
}
