/* SPDX-License-Identifier: GPL-2.0-only */
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/slotctl/table.h"
#include "loader/slotctl/text.h"

static const struct slot_look plain;
static const struct slot_look colored = { .color = true };

static char *print_table(const struct slot_table *table, const struct slot_look *look)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(slot_table_print(table, look, out), 0);
	fclose(out);
	return text;
}

static void assert_prints(struct slot_table *table, const struct slot_look *look,
			  const char *expected)
{
	char *text = print_table(table, look);

	assert_string_equal(text, expected);
	free(text);
	slot_table_free(table);
}

static const struct slot_column columns[] = {
	{ "slot", true },
	{ "name", false },
	{ "seen", true },
	{ "state", false },
};

static struct slot_table *new_table(void)
{
	struct slot_table *table;

	assert_int_equal(slot_table_new(columns, 4, &table), 0);
	return table;
}

static void add(struct slot_table *table, const char *slot, const char *name, const char *seen,
		const char *state)
{
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", slot);
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", name);
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", seen);
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", state);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	struct slot_table *table = new_table();

	(void)state;
	add(table, "2", "firewall", "1000000", "running");
	add(table, "12", "lb", "7", "empty");
	assert_prints(table, &plain,
		      "slot  name         seen  state\n"
		      "   2  firewall  1000000  running\n"
		      "  12  lb              7  empty\n");
}

static void a_table_without_rows_is_its_titles(void **state)
{
	(void)state;
	assert_prints(new_table(), &plain, "slot  name  seen  state\n");
}

static void titles_that_are_all_empty_take_no_line(void **state)
{
	static const struct slot_column untitled[] = { { "", false }, { "", false } };
	struct slot_table *table;

	(void)state;
	assert_int_equal(slot_table_new(untitled, 2, &table), 0);
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_table_add(table, SLOT_STYLE_PLAIN, "state");
	slot_table_add(table, SLOT_STYLE_PLAIN, "running");
	assert_prints(table, &plain, "state  running\n");
}

static void no_line_ends_in_blanks(void **state)
{
	struct slot_table *table = new_table();

	(void)state;
	add(table, "2", "a longer name", "1", "");
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_table_add(table, SLOT_STYLE_PLAIN, "3");
	slot_table_add(table, SLOT_STYLE_PLAIN, "short");
	assert_prints(table, &plain,
		      "slot  name           seen  state\n"
		      "   2  a longer name     1\n"
		      "   3  short\n");
}

static void cells_beyond_the_last_column_are_dropped(void **state)
{
	struct slot_table *table = new_table();

	(void)state;
	add(table, "2", "lb", "1", "empty");
	slot_table_add(table, SLOT_STYLE_PLAIN, "too much");
	assert_prints(table, &plain,
		      "slot  name  seen  state\n"
		      "   2  lb       1  empty\n");
}

static void a_cell_before_any_row_is_dropped(void **state)
{
	struct slot_table *table = new_table();

	(void)state;
	slot_table_add(table, SLOT_STYLE_PLAIN, "lost");
	assert_prints(table, &plain, "slot  name  seen  state\n");
}

static void a_rest_cell_widens_no_column(void **state)
{
	struct slot_table *table = new_table();

	(void)state;
	add(table, "2", "lb", "1", "empty");
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_table_add(table, SLOT_STYLE_PLAIN, "v");
	slot_table_add_rest(table, SLOT_STYLE_PLAIN, "passed 123456789");
	assert_prints(table, &plain,
		      "slot  name  seen  state\n"
		      "   2  lb       1  empty\n"
		      "   v  passed 123456789\n");
}

static void color_wraps_text_and_not_the_blanks_around_it(void **state)
{
	static const struct slot_column two[] = { { "", true }, { "", false } };
	struct slot_table *table;

	(void)state;
	assert_int_equal(slot_table_new(two, 2, &table), 0);
	slot_table_add_row(table, SLOT_STYLE_DIM);
	slot_table_add(table, SLOT_STYLE_PLAIN, "1");
	slot_table_add(table, SLOT_STYLE_BAD, "7");
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_table_add(table, SLOT_STYLE_PLAIN, "100");
	assert_prints(table, &colored, "  \033[2m1\033[0m  \033[31m7\033[0m\n100\n");
}

static void without_color_there_is_no_escape_sequence(void **state)
{
	struct slot_table *table = new_table();
	char *text;

	(void)state;
	slot_table_add_row(table, SLOT_STYLE_BAD);
	slot_table_add(table, SLOT_STYLE_BOLD, "1");
	text = print_table(table, &plain);
	assert_null(strchr(text, '\033'));
	free(text);
	slot_table_free(table);
}

static void a_stream_that_is_no_terminal_gets_no_color(void **state)
{
	struct slot_look look = { .color = true };
	FILE *out = tmpfile();

	(void)state;
	assert_non_null(out);
	slot_look_get(out, &look);
	assert_false(look.color);
	fclose(out);
}

static FILE *open_terminal(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	assert_true(fd >= 0);
	return fdopen(fd, "r+");
}

static void a_terminal_gets_color_unless_no_color_says_otherwise(void **state)
{
	struct slot_look look;
	FILE *out = open_terminal();

	(void)state;
	assert_non_null(out);
	setenv("TERM", "xterm", 1);
	setenv("NO_COLOR", "", 1);
	slot_look_get(out, &look);
	assert_true(look.color);
	setenv("NO_COLOR", "1", 1);
	slot_look_get(out, &look);
	assert_false(look.color);
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	slot_look_get(out, &look);
	assert_false(look.color);
	fclose(out);
}

static void assert_cleans(const char *text, const char *expected, size_t expected_width)
{
	size_t width = SIZE_MAX;
	char *clean = slot_text_clean(text, &width);

	assert_non_null(clean);
	assert_string_equal(clean, expected);
	assert_int_equal(width, expected_width);
	free(clean);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	assert_cleans("a\033[2Jb", "a?[2Jb", 6);
	assert_cleans("a\tb\nc\r", "a b c ", 6);
	assert_cleans("\x7f\x01", "??", 2);
	/* the one-character form of ESC [, as UTF-8 */
	assert_cleans("\xc2\x9b"
		      "2J",
		      "?2J", 3);
}

static void width_is_counted_in_columns_of_the_locale(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	assert_cleans("", "", 0);
	assert_cleans("\u2502", "\u2502", 1);
	assert_cleans("caf\u00e9", "caf\u00e9", 4);
	assert_cleans("\u65e5", "\u65e5", 2);
	assert_non_null(setlocale(LC_ALL, "C"));
	assert_cleans("caf\u00e9", "caf??", 5);
}

static void bytes_that_are_no_character_are_replaced_one_by_one(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	assert_cleans("a\xff\xfe"
		      "b",
		      "a??b", 4);
	assert_cleans("cut \xe2\x94", "cut ??", 6);
}

static void columns_align_by_width_and_not_by_bytes(void **state)
{
	struct slot_table *table = new_table();

	(void)state;
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	add(table, "\u25bc", "caf\u00e9", "1", "empty");
	assert_prints(table, &plain,
		      "slot  name  seen  state\n"
		      "   \u25bc  caf\u00e9     1  empty\n");
}

static void times_are_told_in_their_own_unit(void **state)
{
	static const struct {
		__u64 us;
		const char *text;
	} cases[] = {
		{ 0, "0 us" },		{ 999, "999 us" },	{ 1000, "1.0 ms" },
		{ 3849, "3.8 ms" },	{ 999949, "999.9 ms" }, { 1000000, "1.0 s" },
		{ 61250000, "61.2 s" },
	};
	char text[SLOT_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		slot_text_format_us(cases[i].us, text);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(a_table_without_rows_is_its_titles),
		cmocka_unit_test(titles_that_are_all_empty_take_no_line),
		cmocka_unit_test(no_line_ends_in_blanks),
		cmocka_unit_test(cells_beyond_the_last_column_are_dropped),
		cmocka_unit_test(a_cell_before_any_row_is_dropped),
		cmocka_unit_test(a_rest_cell_widens_no_column),
		cmocka_unit_test(color_wraps_text_and_not_the_blanks_around_it),
		cmocka_unit_test(without_color_there_is_no_escape_sequence),
		cmocka_unit_test(a_stream_that_is_no_terminal_gets_no_color),
		cmocka_unit_test(a_terminal_gets_color_unless_no_color_says_otherwise),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(width_is_counted_in_columns_of_the_locale),
		cmocka_unit_test(bytes_that_are_no_character_are_replaced_one_by_one),
		cmocka_unit_test(columns_align_by_width_and_not_by_bytes),
		cmocka_unit_test(times_are_told_in_their_own_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
