/* SPDX-License-Identifier: GPL-2.0-only */
/* What the doctor could not ask for is told, and is not taken for an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include <cmocka.h>

#include "loader/lib/host/look.h"
#include "tests/support/doctor_case.h"

static struct slot_picture new_picture(void)
{
	struct slot_picture picture = case_new();

	picture.netns[0].is_seen = true;
	return picture;
}

/* Sockets cannot be opened for the time of the question, by the errno EMFILE. */
static int look_without_sockets(const struct slot_netns_list *list, struct slot_picture *picture)
{
	struct slot_addr addr = case_address("198.51.100.1/32", NULL);
	struct rlimit none = { 0 };
	struct rlimit before;
	int err;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = slot_look_way(list, 0, &addr, picture);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	return err;
}

static void a_question_that_fails_is_no_missing_route(void **state)
{
	static struct slot_netns_list list = { .count = 1 };
	struct slot_picture picture = new_picture();

	(void)state;
	assert_int_equal(look_without_sockets(&list, &picture), 0);
	assert_int_equal(picture.netns[0].way_count, 0);
	assert_int_equal(picture.unseen.count, 1);
	assert_non_null(strstr(picture.unseen.lines[0], "the way to 198.51.100.1 in netns 'host': "
							"Too many open files"));
	slot_picture_free(&picture);
}

static void a_netns_that_cannot_be_entered_is_told_once(void **state)
{
	static struct slot_netns_list list = { .count = 2, .items[1].fd = 9999 };
	struct slot_picture picture = new_picture();
	struct slot_addr addr = case_address("198.51.100.1/32", NULL);
	size_t other = case_add_netns(&picture, "blue");

	(void)state;
	picture.netns[other].is_seen = true;
	assert_int_equal(slot_look_way(&list, other, &addr, &picture), 0);
	assert_int_equal(slot_look_way(&list, other, &addr, &picture), 0);
	assert_int_equal(picture.netns[other].way_count, 0);
	assert_int_equal(picture.unseen.count, 1);
	assert_non_null(strstr(picture.unseen.lines[0], "ways in netns 'blue': "));
	slot_picture_free(&picture);
}

/* What it could not be looked at for is told already. */
static void nothing_is_asked_where_nothing_was_seen(void **state)
{
	static struct slot_netns_list list = { .count = 2, .items[1].fd = 9999 };
	struct slot_picture picture = new_picture();
	struct slot_addr addr = case_address("198.51.100.1/32", NULL);
	size_t other = case_add_netns(&picture, "blue");

	(void)state;
	picture.netns[other].is_seen = false;
	assert_int_equal(slot_look_way(&list, other, &addr, &picture), 0);
	assert_int_equal(picture.unseen.count, 0);
	slot_picture_free(&picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_that_fails_is_no_missing_route),
		cmocka_unit_test(a_netns_that_cannot_be_entered_is_told_once),
		cmocka_unit_test(nothing_is_asked_where_nothing_was_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
