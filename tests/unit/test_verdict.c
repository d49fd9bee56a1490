/* SPDX-License-Identifier: GPL-2.0-only */
/* Verdicts by name, and reasons in words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/root_abi.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/reason.h"
#include "loader/lib/config/verdict.h"

static void every_verdict_is_parsed_from_its_own_name(void **state)
{
	(void)state;
	for (int verdict = 0; verdict < ROOT_VERDICTS; verdict++)
		assert_int_equal(slot_verdict_parse(slot_verdict_name(verdict)), verdict);
	assert_string_equal(slot_verdict_name(ROOT_COL_ABORTED), "aborted");
	assert_string_equal(slot_verdict_name(ROOT_COL_REDIRECT), "redirect");
}

static void names_are_taken_in_any_case_and_with_the_kernels_prefix(void **state)
{
	(void)state;
	assert_int_equal(slot_verdict_parse("XDP_DROP"), ROOT_COL_DROP);
	assert_int_equal(slot_verdict_parse("xdp_tx"), ROOT_COL_TX);
	assert_int_equal(slot_verdict_parse("Pass"), ROOT_COL_PASS);
}

static void what_is_no_verdict_is_refused(void **state)
{
	static const char *const words[] = { "",     "denied", "2",	"pas",	     "passed",
					     "xdp_", "XDP",    "pass ", "xdp_xdp_tx" };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_int_equal(slot_verdict_parse(words[i]), -EINVAL);
}

static void skip_may_be_allowed_and_is_no_verdict(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(slot_allow_parse("skip"), ROOT_COL_SKIPPED);
	assert_int_equal(slot_allow_parse("SKIP"), ROOT_COL_SKIPPED);
	assert_int_equal(slot_allow_parse("xdp_skip"), -EINVAL);
	assert_int_equal(slot_allow_parse("drop"), ROOT_COL_DROP);
	assert_int_equal(slot_verdict_parse("skip"), -EINVAL);
	assert_string_equal(slot_allow_name(ROOT_COL_SKIPPED), "skip");
	assert_string_equal(slot_allow_name(ROOT_COL_DENIED), "?");
	slot_verdict_mask_format(1U << ROOT_COL_PASS | ROOT_ALLOW_SKIP, text, sizeof(text));
	assert_string_equal(text, "pass,skip");
}

static void the_column_of_what_is_denied_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(slot_verdict_name(ROOT_COL_DENIED), "denied");
	assert_string_equal(slot_verdict_name(ROOT_COL_SKIPPED), "skipped");
	assert_string_equal(slot_verdict_name(ROOT_COL_LANDED), "?");
	assert_string_equal(slot_verdict_name(~0U), "?");
}

static void masks_are_lists_in_the_kernels_order(void **state)
{
	char text[64];

	(void)state;
	slot_verdict_mask_format(1U << ROOT_COL_TX | 1U << ROOT_COL_PASS, text, sizeof(text));
	assert_string_equal(text, "pass,tx");
	slot_verdict_mask_format(ROOT_VERDICT_ALL, text, sizeof(text));
	assert_string_equal(text, "aborted,drop,pass,tx,redirect");
	slot_verdict_mask_format(0, text, sizeof(text));
	assert_string_equal(text, "none");
	slot_verdict_mask_format(1U << ROOT_COL_DENIED, text, sizeof(text));
	assert_string_equal(text, "none");
}

static void a_mask_that_does_not_fit_is_cut_and_terminated(void **state)
{
	(void)state;
	for (size_t size = 1; size <= sizeof("aborted,drop,pass,tx,redirect"); size++) {
		char *text = malloc(size);

		assert_non_null(text);
		slot_verdict_mask_format(ROOT_VERDICT_ALL, text, size);
		assert_int_equal(strlen(text), size - 1);
		assert_memory_equal(text, "aborted,drop,pass,tx,redirect", size - 1);
		free(text);
	}
}

static void a_reason_returns_the_error_it_explains(void **state)
{
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(slot_reason_set(&why, -ENOENT, "cannot open '%s'", "x.o"), -ENOENT);
	assert_string_equal(why.text, "cannot open 'x.o'");
	assert_int_equal(slot_reason_prefix(&why, -EINVAL, "slot %d: ", 7), -EINVAL);
	assert_string_equal(why.text, "slot 7: cannot open 'x.o'");
}

static void a_reason_may_be_made_of_itself(void **state)
{
	struct slot_reason why = { "no such file" };

	(void)state;
	slot_reason_set(&why, -ENOENT, "cannot open: %s", why.text);
	assert_string_equal(why.text, "cannot open: no such file");
}

static void a_reason_nobody_wants_is_not_written(void **state)
{
	(void)state;
	assert_int_equal(slot_reason_set(NULL, -EPERM, "%s", "x"), -EPERM);
	assert_int_equal(slot_reason_prefix(NULL, -EPERM, "%s", "x"), -EPERM);
}

static void a_reason_that_is_too_long_is_cut(void **state)
{
	struct slot_reason why = { "" };
	char text[2 * sizeof(why.text)];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	slot_reason_set(&why, -EINVAL, "%s", text);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	slot_reason_prefix(&why, -EINVAL, "%s", "slot 2: ");
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	assert_memory_equal(why.text, "slot 2: xxx", 11);
}

static void a_list_of_reasons_keeps_their_order(void **state)
{
	_cleanup_(slot_reasons_free) struct slot_reasons list = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(slot_reasons_add(&list, "line %d", i), 0);
	assert_int_equal(list.count, 100);
	assert_string_equal(list.lines[0], "line 0");
	assert_string_equal(list.lines[99], "line 99");
	slot_reasons_free(&list);
	assert_int_equal(list.count, 0);
	slot_reasons_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_is_parsed_from_its_own_name),
		cmocka_unit_test(names_are_taken_in_any_case_and_with_the_kernels_prefix),
		cmocka_unit_test(what_is_no_verdict_is_refused),
		cmocka_unit_test(skip_may_be_allowed_and_is_no_verdict),
		cmocka_unit_test(the_column_of_what_is_denied_has_a_name),
		cmocka_unit_test(masks_are_lists_in_the_kernels_order),
		cmocka_unit_test(a_mask_that_does_not_fit_is_cut_and_terminated),
		cmocka_unit_test(a_reason_returns_the_error_it_explains),
		cmocka_unit_test(a_reason_may_be_made_of_itself),
		cmocka_unit_test(a_reason_nobody_wants_is_not_written),
		cmocka_unit_test(a_reason_that_is_too_long_is_cut),
		cmocka_unit_test(a_list_of_reasons_keeps_their_order),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
