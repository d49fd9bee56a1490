/* SPDX-License-Identifier: GPL-2.0-only */
/* What programs that run for long say of what goes on for long: lines, by their number. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "programs/shared/say.h"
#include "tests/support/tap.h"

#define MINUTE 60000

static FILE *caught;
static int saved;

static int set_up(void **state)
{
	(void)state;
	caught = tmpfile();
	saved = dup(STDERR_FILENO);
	assert_true(caught && saved >= 0);
	assert_true(dup2(fileno(caught), STDERR_FILENO) >= 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dup2(saved, STDERR_FILENO);
	close(saved);
	fclose(caught);
	return 0;
}

static void assert_said(const char *lines)
{
	char text[512] = "";

	fflush(stderr);
	rewind(caught);
	text[fread(text, 1, sizeof(text) - 1, caught)] = '\0';
	assert_string_equal(text, lines);
}

static void a_trouble_is_said_again_after_minutes_and_other_words_of_it_at_once(void **state)
{
	struct program_trouble trouble = {};

	(void)state;
	program_say_over(&trouble);
	for (__u64 now = 0; now < 5 * MINUTE; now += 1000)
		program_say_trouble(&trouble, "no room", now);
	assert_said("no room\n");
	program_say_trouble(&trouble, "no room", 5 * MINUTE);
	program_say_trouble(&trouble, "no device", 5 * MINUTE);
	program_say_over(&trouble);
	program_say_over(&trouble);
	assert_said("no room\nno room\nno device\nno longer: no device\n");
}

static void a_state_is_said_once_however_long_it_goes_on(void **state)
{
	struct program_trouble trouble = {};

	(void)state;
	for (__u64 now = 0; now < 60 * MINUTE; now += 1000)
		program_say_state(&trouble, "no room", now);
	assert_said("no room\n");
	program_say_state(&trouble, "no device", 60 * MINUTE);
	program_say_over(&trouble);
	program_say_state(&trouble, "no device", 60 * MINUTE);
	assert_said("no room\nno device\nno longer: no device\nno device\n");
}

static void what_comes_and_goes_with_every_packet_is_said_once(void **state)
{
	struct program_trouble trouble = {};
	char text[32];

	(void)state;
	program_say_calm(&trouble, 10 * MINUTE);
	for (__u64 now = 0; now < 60 * MINUTE; now += 10) {
		snprintf(text, sizeof(text), "no entry of mark %llu", (unsigned long long)now);
		program_say_kind(&trouble, text, now);
		program_say_calm(&trouble, now + 5);
	}
	assert_said("no entry of mark 0\n");
	program_say_calm(&trouble, 61 * MINUTE - 11);
	assert_said("no entry of mark 0\n");
	program_say_calm(&trouble, 61 * MINUTE);
	program_say_calm(&trouble, 62 * MINUTE);
	assert_said("no entry of mark 0\nno longer: no entry of mark 0\n");
	program_say_kind(&trouble, "anew", 62 * MINUTE);
	assert_said("no entry of mark 0\nno longer: no entry of mark 0\nanew\n");
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_trouble_is_said_again_after_minutes_and_other_words_of_it_at_once, set_up,
		tear_down);
	TAP_ADD(&plan, a_state_is_said_once_however_long_it_goes_on, set_up, tear_down);
	TAP_ADD(&plan, what_comes_and_goes_with_every_packet_is_said_once, set_up, tear_down);
	return tap_run(&plan, "say", 1);
}
