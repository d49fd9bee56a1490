/* SPDX-License-Identifier: GPL-2.0-only */
/* What people read of the doctor's answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "loader/slotctl/view.h"

static void assert_view(json_t *answer, const char *expected)
{
	const struct slot_look ascii = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int err;

	assert_non_null(answer);
	assert_non_null(out);
	err = slot_view_doctor(answer, &ascii, out);
	json_decref(answer);
	fclose(out);
	assert_int_equal(err, 0);
	assert_string_equal(text, expected);
	free(text);
}

static void a_finding_says_what_where_why_and_what_next(void **state)
{
	json_t *where = json_pack("{s:s, s:s, s:s, s:i, s:s}", "netns", "blue", "interface", "lo",
				  "address", "192.0.2.1", "port", 80, "process", "pid 9 (x)");
	json_t *finding = json_pack(
		"{s:s, s:s, s:s, s:o, s:s, s:s}", "severity", "error", "check", "black-hole",
		"what", "nothing listens", "where", where, "why",
		"the netns takes packets to the address for its own and refuses every one: clients "
		"get no service",
		"next", "start it");

	(void)state;
	assert_view(
		json_pack("{s:b, s:[o], s:{s:[s, s], s:[s], s:i}, s:[s]}", "clean", 0, "findings",
			  finding, "looked_at", "netns", "own", "blue", "chains", "eth0", "claims",
			  3, "not_looked_at", "netns 'red'"),
		"error black-hole: netns blue, interface lo, address 192.0.2.1, port 80, process pid 9 (x)\n"
		"  what    nothing listens\n"
		"  why     the netns takes packets to the address for its own and refuses every "
		"one: clients get no\n"
		"          service\n"
		"  next    start it\n"
		"1 error, 0 warnings, 0 notes; looked at 2 network namespaces, 1 chain, "
		"3 claims of programs\n"
		"not looked at: netns 'red'\n");
}

static void what_comes_from_elsewhere_is_made_safe(void **state)
{
	(void)state;
	assert_view(json_pack("{s:b, s:[], s:{s:[s], s:[], s:i}, s:[s]}", "clean", 1, "findings",
			      "looked_at", "netns", "own", "chains", "claims", 0, "not_looked_at",
			      "pid 12 (\033[2J)"),
		    "clean: 0 errors, 0 warnings, 0 notes; looked at 1 network namespace, "
		    "0 chains, 0 claims of programs\n"
		    "not looked at: pid 12 (?[2J)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_finding_says_what_where_why_and_what_next),
		cmocka_unit_test(what_comes_from_elsewhere_is_made_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
