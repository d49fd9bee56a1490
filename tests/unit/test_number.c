/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers and times as people write them. */
#include <errno.h>

#include "loader/lib/base/number.h"
#include "tests/support/tap.h"

static void times_are_seconds_or_have_a_unit(void **state)
{
	static const struct {
		const char *text;
		__u32 seconds;
	} times[] = { { "0", 0 },    { "30", 30 },   { "030", 30 },	{ "30s", 30 },
		      { "5m", 300 }, { "1h", 3600 }, { "1000s", 1000 }, { "3600", 3600 } };

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		__u32 seconds = 1;

		assert_int_equal(slot_seconds_parse(times[i].text, 0, 3600, &seconds), 0);
		assert_int_equal(seconds, times[i].seconds);
	}
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = { "",    "s",	  "m",		 "-1",
					     "+1",  "1d",	  "1 s",	 "1sm",
					     "1ss", "0x10",	  "61m",	 "3601",
					     "2h",  "4294967297", "99999999999", "99999999999s" };
	__u32 seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(slot_seconds_parse(texts[i], 0, 3600, &seconds), -EINVAL);
	assert_int_equal(slot_seconds_parse("0", 1, 3600, &seconds), -EINVAL);
}

static void ids_are_decimal_unless_they_say_0x(void **state)
{
	__u32 number;

	(void)state;
	assert_int_equal(slot_number_parse("010", 1, 255, &number), 0);
	assert_int_equal(number, 10);
	assert_int_equal(slot_number_parse("0xff", 1, 255, &number), 0);
	assert_int_equal(number, 255);
	assert_int_equal(slot_number_parse("256", 1, 255, &number), -EINVAL);
	assert_int_equal(slot_number_parse("0", 1, 255, &number), -EINVAL);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, times_are_seconds_or_have_a_unit, NULL, NULL);
	TAP_ADD(&plan, what_is_no_time_is_refused, NULL, NULL);
	TAP_ADD(&plan, ids_are_decimal_unless_they_say_0x, NULL, NULL);
	return tap_run(&plan, "number", 0);
}
