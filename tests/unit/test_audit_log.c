/* SPDX-License-Identifier: GPL-2.0-only */
/* The audit log as a file: whole lines, numbered without a gap, whatever happens in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/lib/host/pins.h"
#include "loader/slotd/audit_log.h"

struct place {
	char dir[64];
	struct audit_log log;
	struct slot_reason why;
};

static int open_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	snprintf(place->dir, sizeof(place->dir), "/tmp/slotd-audit-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	assert_int_equal(audit_log_open(place->dir, &place->why, &place->log), 0);
	*state = place;
	return 0;
}

static int close_place(void **state)
{
	struct place *place = *state;
	int err;

	audit_log_close(&place->log);
	err = slot_pin_remove_all(place->dir);
	free(place);
	return err;
}

static void reopen(struct place *place)
{
	audit_log_close(&place->log);
	assert_int_equal(audit_log_open(place->dir, &place->why, &place->log), 0);
}

static void add(struct place *place, const char *what)
{
	json_t *lines = json_pack("[{s:s}]", "what", what);

	assert_int_equal(audit_log_add(&place->log, lines, &place->why), 0);
	json_decref(lines);
}

static void intend(struct place *place, const char *what)
{
	json_t *line = json_pack("{s:s}", "what", what);

	assert_int_equal(audit_log_intend(&place->log, line, &place->why), 0);
	json_decref(line);
}

static bool is_wanted(const json_t *line, void *data)
{
	const char *what = json_string_value(json_object_get(line, "what"));

	return !data || (what && !strcmp(what, data));
}

/* Everything that is read, as "1 start, 2 deploy". */
static void assert_lines(const struct place *place, const char *filter, size_t max,
			 const char *expected)
{
	struct audit_query query = {
		.wants = is_wanted, .data = (void *)filter, .max = max, .scan = 3
	};
	char text[256] = "";
	json_t *lines = NULL;
	const json_t *line;
	size_t used = 0;
	size_t i;

	assert_int_equal(audit_log_read(&place->log, &query, &lines), 0);
	json_array_foreach(lines, i, line)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d %s%s",
					 i ? ", " : "",
					 (int)json_integer_value(json_object_get(line, "seq")),
					 json_string_value(json_object_get(line, "what")),
					 json_object_get(line, "result") ? "!" : "");
	assert_string_equal(text, expected);
	json_decref(lines);
}

static void append(const struct place *place, const char *text)
{
	FILE *file = fopen(place->log.path, "a");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void lines_are_numbered_and_read_latest_last(void **state)
{
	struct place *place = *state;

	add(place, "start");
	add(place, "deploy");
	add(place, "start");
	assert_lines(place, NULL, 10, "1 start, 2 deploy, 3 start");
	assert_lines(place, NULL, 2, "2 deploy, 3 start");
	assert_lines(place, "start", 10, "1 start, 3 start");
	reopen(place);
	add(place, "apply");
	assert_lines(place, NULL, 1, "4 apply");
	/* No further back than three lines. */
	assert_lines(place, NULL, 10, "2 deploy, 3 start, 4 apply");
}

static void what_is_done_is_no_longer_intended(void **state)
{
	struct place *place = *state;

	intend(place, "deploy");
	add(place, "deploy");
	reopen(place);
	assert_lines(place, NULL, 10, "1 deploy");
}

static void what_was_interrupted_is_added_at_the_next_start(void **state)
{
	struct place *place = *state;

	add(place, "start");
	intend(place, "deploy");
	reopen(place);
	assert_lines(place, NULL, 10, "1 start, 2 deploy!");
	reopen(place);
	assert_lines(place, NULL, 10, "1 start, 2 deploy!");
}

static void an_intention_that_was_carried_out_and_not_taken_back_is_dropped(void **state)
{
	struct place *place = *state;

	intend(place, "deploy");
	/* A power cut: the line came to the disk, what it made superfluous is still there. */
	append(place, "{\"seq\":1,\"what\":\"deploy\"}\n");
	reopen(place);
	assert_lines(place, NULL, 10, "1 deploy");
}

static void a_line_that_was_cut_short_spoils_no_other(void **state)
{
	struct place *place = *state;

	add(place, "start");
	append(place, "{\"seq\":2,\"wha");
	reopen(place);
	add(place, "deploy");
	assert_lines(place, NULL, 10, "1 start, 2 deploy");
}

static void a_full_log_is_put_aside_and_numbers_go_on(void **state)
{
	struct place *place = *state;
	char *padding = calloc(1, AUDIT_LOG_SIZE_MAX + 2);
	char path[PATH_MAX];
	struct stat st;

	memset(padding, ' ', AUDIT_LOG_SIZE_MAX);
	padding[AUDIT_LOG_SIZE_MAX] = '\n';
	append(place, padding);
	free(padding);
	add(place, "start");
	intend(place, "deploy");
	add(place, "deploy");
	snprintf(path, sizeof(path), "%.80s/audit.log.1", place->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(stat(place->log.path, &st), 0);
	assert_true(st.st_size < 100);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_lines(place, NULL, 10, "1 start, 2 deploy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_are_numbered_and_read_latest_last, open_place,
						close_place),
		cmocka_unit_test_setup_teardown(what_is_done_is_no_longer_intended, open_place,
						close_place),
		cmocka_unit_test_setup_teardown(what_was_interrupted_is_added_at_the_next_start,
						open_place, close_place),
		cmocka_unit_test_setup_teardown(
			an_intention_that_was_carried_out_and_not_taken_back_is_dropped, open_place,
			close_place),
		cmocka_unit_test_setup_teardown(a_line_that_was_cut_short_spoils_no_other,
						open_place, close_place),
		cmocka_unit_test_setup_teardown(a_full_log_is_put_aside_and_numbers_go_on,
						open_place, close_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
