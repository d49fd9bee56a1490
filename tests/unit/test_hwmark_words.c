/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of `slotctl hwmark agent`. */
#include <errno.h>
#include <string.h>

#include "programs/hwmark/cli/hwmark_words.h"
#include "tests/support/tap.h"

static struct hwmark_words words;
static struct slot_reason why;

static int parse(const char *word)
{
	char copy[128];
	char *argv[] = { copy };

	assert_true(strlen(word) < sizeof(copy));
	strcpy(copy, word);
	return hwmark_words_parse(1, argv, &why, &words);
}

static void without_a_word_there_are_defaults(void **state)
{
	(void)state;
	assert_int_equal(hwmark_words_parse(0, NULL, &why, &words), 0);
	assert_string_equal(words.device.name, "");
	assert_false(words.device.is_egress);
	assert_int_equal(words.device.offload, SLOT_FLOWER_BOTH);
	assert_int_equal(words.device.flows_max, 16384);
	assert_int_equal(words.device.batch, 64);
	assert_int_equal(words.device.pref, 1000);
	assert_int_equal(words.age_ms, 30000);
	assert_false(words.has_mode);
}

static void each_word_sets_what_it_names(void **state)
{
	char *argv[] = { (char[]){ "device=eth0" },	(char[]){ "hook=egress" },
			 (char[]){ "offload=skip_sw" }, (char[]){ "flows=5" },
			 (char[]){ "batch=7" },		(char[]){ "age=86400" },
			 (char[]){ "pref=65534" },	(char[]){ "mode=flow" } };

	(void)state;
	assert_int_equal(hwmark_words_parse(8, argv, &why, &words), 0);
	assert_string_equal(words.device.name, "eth0");
	assert_true(words.device.is_egress);
	assert_int_equal(words.device.offload, SLOT_FLOWER_SKIP_SW);
	assert_int_equal(words.device.flows_max, 5);
	assert_int_equal(words.device.batch, 7);
	assert_int_equal(words.device.pref, 65534);
	assert_int_equal(words.age_ms, 86400000);
	assert_true(words.has_mode);
	assert_int_equal(words.mode, HWMARK_FLOW);
}

static void a_word_is_given_once(void **state)
{
	char *argv[] = { (char[]){ "flows=1" }, (char[]){ "age=5" }, (char[]){ "flows=2" } };

	(void)state;
	assert_int_equal(hwmark_words_parse(2, argv, &why, &words), 0);
	assert_int_equal(hwmark_words_parse(3, argv, &why, &words), -EINVAL);
	assert_string_equal(why.text, "'flows=2': flows= is given twice");
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const no[] = {
		"",
		"device",
		"device=",
		"device=a0123456789abcde",
		"=eth0",
		"devicex=a",
		"hook=both",
		"hook=",
		"offload=",
		"offload=yes",
		"flows=0",
		"flows=1048577",
		"flows=-1",
		"flows=1x",
		"batch=4097",
		"age=0",
		"age=86401",
		"pref=0",
		"pref=65535",
		"mode=both",
		"Mode=flow",
		"mode=flow ",
		"age=99999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (parse(no[i]) != -EINVAL)
			fail_msg("'%s' is taken", no[i]);
	assert_int_equal(parse("color=red"), -EINVAL);
	assert_string_equal(why.text, "'color=red': expected KEY=VALUE, and KEY one of device, "
				      "hook, offload, flows, batch, age, pref, mode");
	assert_int_equal(parse("device=a0123456789abcd"), 0);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, without_a_word_there_are_defaults, NULL, NULL);
	TAP_ADD(&plan, each_word_sets_what_it_names, NULL, NULL);
	TAP_ADD(&plan, a_word_is_given_once, NULL, NULL);
	TAP_ADD(&plan, what_makes_no_sense_is_refused, NULL, NULL);
	return tap_run(&plan, "hwmark_words", 1);
}
