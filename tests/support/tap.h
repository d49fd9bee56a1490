/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cmocka test program that speaks TAP, and whose cases may come from tables:
 * one test point a row.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct tap_plan {
	struct CMUnitTest *tests;
	size_t count;
};

/* tap_add - one case; its name is the sentence that the test point says. */
void tap_add(struct tap_plan *plan, const char *name, CMUnitTestFunction fn);

/*
 * tap_add_table - a case for each of the @count rows of @size bytes at @rows. A
 * row begins with its name, a const char *; @fn finds the row at *state.
 */
void tap_add_table(struct tap_plan *plan, CMUnitTestFunction fn, const void *rows, size_t count,
		   size_t size);

/*
 * tap_run - run and forget what was added. Returns what main() returns. Without
 * root, where @needs_root, it says so as a skip of the whole program.
 */
int tap_run(struct tap_plan *plan, const char *group, int needs_root);

#define TAP_ADD(plan, fn) tap_add(plan, #fn, fn)
#define TAP_ADD_TABLE(plan, fn, rows)                                                              \
	tap_add_table(plan, fn, rows, sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0]))

#endif
