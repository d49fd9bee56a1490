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

/* tap_add - one case, as cmocka_unit_test() and its kin make them. */
void tap_add(struct tap_plan *plan, const struct CMUnitTest *test);

/*
 * tap_add_table - @test as a case for each of the @count rows of @size bytes at @rows. A
 * row begins with its name, a const char *; it is found at *state.
 */
void tap_add_table(struct tap_plan *plan, const struct CMUnitTest *test, const void *rows,
		   size_t count, size_t size);

/*
 * tap_run - run and forget what was added. Returns what main() returns. Without
 * root, where @needs_root, it says so as a skip of the whole program.
 */
int tap_run(struct tap_plan *plan, const char *group, int needs_root);

/* TAP_ADD - one case with what to do before and after it, each of which may be NULL. */
#define TAP_ADD(plan, fn, set_up, tear_down)                                                       \
	tap_add(plan, &(struct CMUnitTest)cmocka_unit_test_setup_teardown(fn, set_up, tear_down))
/* TAP_ADD_TABLE - a case for each of the rows. TAP_ADD_ROWS - with what to do before and after each. */
#define TAP_ADD_TABLE(plan, fn, rows) TAP_ADD_ROWS(plan, fn, rows, NULL, NULL)
#define TAP_ADD_ROWS(plan, fn, rows, set_up, tear_down)                                            \
	tap_add_table(plan,                                                                        \
		      &(struct CMUnitTest)cmocka_unit_test_setup_teardown(fn, set_up, tear_down),  \
		      rows, sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0]))

#endif
