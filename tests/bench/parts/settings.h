/* SPDX-License-Identifier: GPL-2.0-only */
/* How a benchmark of packets is asked to measure. */
#ifndef BENCH_SETTINGS_H
#define BENCH_SETTINGS_H

#include <stdbool.h>

struct bench_settings {
	bool has_instruction_clock; /* a nanosecond of the guest is an instruction */
	unsigned int repeat;	    /* packets in each trial */
	unsigned int trials;
	unsigned int trials_max; /* that there is room for */
	const char *only;	 /* rows whose name begins so; NULL: all */
	unsigned int size_max;	 /* the largest that is measured; 0: the benchmark has no sizes */
};

/*
 * bench_settings_parse - [--instructions] [--repeat N] [--trials N] [--only NAME] over what
 * @settings says already, and where it has a size [--size-max N]. Returns 0, or -EINVAL
 * after a line about the usage.
 */
int bench_settings_parse(int argc, char **argv, struct bench_settings *settings);

/* bench_settings_want - whether rows of that @name are asked for. */
bool bench_settings_want(const struct bench_settings *settings, const char *name);

#endif
