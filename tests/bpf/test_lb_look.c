/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb: who looks while another one changes things. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_dump_is_of_before_a_change_or_after_it, lb_bed_set_up, lb_bed_tear_down);
	return tap_run(&plan, "lb_look", 1);
}
