/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/bench/parts/settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bench_settings_parse(int argc, char **argv, struct bench_settings *settings)
{
	static const struct option options[] = {
		{ "instructions", no_argument, NULL, 'i' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "trials", required_argument, NULL, 't' },
		{ "only", required_argument, NULL, 'o' },
		{ "size-max", required_argument, NULL, 's' },
		{ 0 },
	};
	bool has_sizes = settings->size_max;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'i')
			settings->has_instruction_clock = true;
		else if (option == 'r')
			settings->repeat = (unsigned int)strtoul(optarg, NULL, 10);
		else if (option == 't')
			settings->trials = (unsigned int)strtoul(optarg, NULL, 10);
		else if (option == 'o')
			settings->only = optarg;
		else if (option == 's' && has_sizes)
			settings->size_max = (unsigned int)strtoul(optarg, NULL, 10);
		else
			break;
	}
	if (settings->trials_max && settings->trials > settings->trials_max)
		settings->trials = settings->trials_max;
	if (option == -1 && optind == argc && settings->repeat && settings->trials)
		return 0;
	fprintf(stderr, "usage: %s [--instructions] [--repeat N] [--trials N] [--only NAME]%s\n",
		argv[0], has_sizes ? " [--size-max N]" : "");
	return -EINVAL;
}

bool bench_settings_want(const struct bench_settings *settings, const char *name)
{
	return !settings->only || !strncmp(name, settings->only, strlen(settings->only));
}
