/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tap_add(struct tap_plan *plan, const struct CMUnitTest *test)
{
	struct CMUnitTest *tests = reallocarray(plan->tests, plan->count + 1, sizeof(*tests));

	if (!tests)
		abort();
	tests[plan->count++] = *test;
	plan->tests = tests;
}

void tap_add_table(struct tap_plan *plan, const struct CMUnitTest *test, const void *rows,
		   size_t count, size_t size)
{
	struct CMUnitTest one = *test;
	const char *row = rows;
	size_t i;

	for (i = 0; i < count; i++, row += size) {
		memcpy(&one.name, row, sizeof(one.name));
		one.initial_state = (void *)row;
		tap_add(plan, &one);
	}
}

int tap_run(struct tap_plan *plan, const char *group, int needs_root)
{
	int failed = 0;

	if (needs_root && geteuid()) {
		printf("1..0 # SKIP %s: needs root\n", group);
	} else {
		cmocka_set_message_output(CM_OUTPUT_TAP);
		failed = _cmocka_run_group_tests(group, plan->tests, plan->count, NULL, NULL);
	}
	free(plan->tests);
	*plan = (struct tap_plan){};
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
