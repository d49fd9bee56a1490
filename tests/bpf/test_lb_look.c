/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb: who looks while another one changes things. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "programs/lb/lb.h"
#include "tests/support/lb_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define RESTORES 10

static char *keep_dump(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(program_bed_run(&lb_bed, "dump"), 0);
	assert_true(fputs(lb_bed.out, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return strdup(lb_bed.out);
}

/* Whoever looks while a command changes several maps sees none of them half way. */
static void a_dump_is_of_before_a_change_or_after_it(void **state)
{
	unsigned int looks = 0;
	char *before, *after;
	int status;
	pid_t child;

	(void)state;
	lb_bed_runs("vip add tcp/192.0.2.1:80");
	lb_bed_runs("real add tcp/192.0.2.1:80 203.0.113.1");
	lb_bed_runs("real add tcp/192.0.2.1:80 203.0.113.2 weight=3");
	before = keep_dump("build/lb_before.json");
	lb_bed_runs("vip add tcp/192.0.2.2:80");
	lb_bed_runs("real add tcp/192.0.2.2:80 203.0.113.1");
	lb_bed_runs("real add tcp/192.0.2.2:80 203.0.113.9");
	after = keep_dump("build/lb_after.json");
	child = fork();
	if (!child) {
		for (int i = 0; i < RESTORES; i++)
			if (program_bed_run(&lb_bed, "restore build/lb_before.json") ||
			    program_bed_run(&lb_bed, "restore build/lb_after.json"))
				_exit(1);
		_exit(0);
	}
	for (; !waitpid(child, &status, WNOHANG); looks++) {
		assert_int_equal(program_bed_run(&lb_bed, "dump"), 0);
		if (strcmp(lb_bed.out, before) != 0)
			assert_string_equal(lb_bed.out, after);
	}
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_true(looks > 0);
	assert_int_equal(unlink("build/lb_before.json"), 0);
	assert_int_equal(unlink("build/lb_after.json"), 0);
	free(before);
	free(after);
}

static __u32 get_generation(void)
{
	__u32 zero = 0, generation = 0;
	int fd = bpf_obj_get(PROGRAM_BED_DIR "/" LB_GENERATION_NAME);

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &generation), 0);
	assert_int_equal(close(fd), 0);
	return generation;
}

/* What was written for the maps before does not hold in these after as many changes. */
static void generations_of_new_maps_are_not_those_of_the_maps_before(void **state)
{
	__u32 before;

	lb_bed_runs("vip add tcp/192.0.2.1:80");
	before = get_generation();
	assert_int_not_equal(before, 0);
	lb_bed_runs("vip add tcp/192.0.2.2:80");
	assert_in_range(get_generation() - before, 1, 16);
	assert_int_equal(lb_bed_tear_down(state), 0);
	assert_int_equal(lb_bed_set_up(state), 0);
	lb_bed_runs("vip add tcp/192.0.2.1:80");
	/* By chance alone once in some million runs. */
	assert_false(get_generation() - before + 1000 < 2000);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_dump_is_of_before_a_change_or_after_it, lb_bed_set_up, lb_bed_tear_down);
	TAP_ADD(&plan, generations_of_new_maps_are_not_those_of_the_maps_before, lb_bed_set_up,
		lb_bed_tear_down);
	return tap_run(&plan, "lb_look", 1);
}
