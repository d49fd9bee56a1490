/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of `slotctl handoff agent`. */
#include <errno.h>
#include <string.h>

#include "programs/handoff/cli/handoff_agent_words.h"
#include "tests/support/tap.h"

#define S 1000000000ULL

static void has_defaults(void **state)
{
	struct handoff_agent_settings set;
	struct slot_reason why;

	(void)state;
	assert_int_equal(handoff_agent_words_parse(0, NULL, &why, &set), 0);
	assert_int_equal(set.sweep.linger_ns, 60 * S);
	assert_int_equal(set.sweep.half_ns, 120 * S);
	assert_int_equal(set.sweep.idle_ns, 14400 * S);
	assert_int_equal(set.rate, 10000);
	assert_string_equal(set.device.at.name, "");
	assert_int_equal(set.device.at.offload, SLOT_FLOWER_SKIP_SW);
	assert_int_equal(set.device.above, 1 << 20);
}

static void takes_times_and_numbers(void **state)
{
	char *words[] = { "linger=30", "half=5m", "idle=1h", "rate=7" };
	struct handoff_agent_settings set;
	struct slot_reason why;

	(void)state;
	assert_int_equal(handoff_agent_words_parse(4, words, &why, &set), 0);
	assert_int_equal(set.sweep.linger_ns, 30 * S);
	assert_int_equal(set.sweep.half_ns, 300 * S);
	assert_int_equal(set.sweep.idle_ns, 3600 * S);
	assert_int_equal(set.rate, 7);
}

static void takes_a_device(void **state)
{
	char *words[] = { "device=eth0", "above=0",  "offload=skip_hw",
			  "pref=65534",	 "flows=16", "queue=2" };
	struct handoff_agent_settings set;
	struct slot_reason why;

	(void)state;
	assert_int_equal(handoff_agent_words_parse(6, words, &why, &set), 0);
	assert_string_equal(set.device.at.name, "eth0");
	assert_int_equal(set.device.above, 0);
	assert_int_equal(set.device.at.offload, SLOT_FLOWER_SKIP_HW);
	assert_int_equal(set.device.at.pref, 65534);
	assert_int_equal(set.device.at.flows_max, 16);
	assert_int_equal(set.device.at.queue_max, 2);
}

struct row {
	const char *name;
	char *word;
	const char *said; /* the beginning of it */
};

static const struct row rows[] = {
	{ "refuses_an_unknown_key", "age=5",
	  "'age=5': expected KEY=VALUE, and KEY one of linger, half, idle, rate, device, above, "
	  "offload, pref, flows, queue" },
	{ "refuses_a_key_without_a_value", "idle", "'idle': expected KEY=VALUE" },
	{ "refuses_the_beginning_of_a_key", "li=5", "'li=5': expected KEY=VALUE" },
	{ "refuses_no_time", "linger=soon",
	  "linger='soon': expected a time such as 30, 30s, 5m or 1h, up to 720h" },
	{ "refuses_no_time_at_all", "half=0", "half='0': expected a time" },
	{ "refuses_a_name_that_is_no_devices", "device=a234567890123456",
	  "device='a234567890123456' is no name" },
	{ "refuses_no_name", "device=", "device='' is no name of a device" },
	{ "refuses_another_offload", "offload=on",
	  "offload='on': expected both, skip_hw or skip_sw" },
	{ "refuses_a_pref_without_one_behind_it", "pref=65535",
	  "pref='65535': expected a number from 1 to 65534" },
	{ "refuses_more_flows_than_there_is_room_for", "flows=16385",
	  "flows='16385': expected a number from 1 to 16384" },
	{ "refuses_half_a_byte", "above=0.5", "above='0.5': expected a number of bytes" },
	{ "refuses_a_rate_of_none", "rate=0", "rate='0': expected a number from 1 to 1000000" },
};

static void refuses_row(void **state)
{
	const struct row *row = *state;
	struct handoff_agent_settings set = { .rate = 5 };
	struct slot_reason why;

	assert_int_equal(handoff_agent_words_parse(1, (char *const[]){ row->word }, &why, &set),
			 -EINVAL);
	assert_int_equal(strncmp(why.text, row->said, strlen(row->said)), 0);
	assert_int_equal(set.rate, 5);
}

static void refuses_a_key_that_is_given_twice(void **state)
{
	char *words[] = { "queue=5", "linger=5", "queue=5" };
	struct handoff_agent_settings set;
	struct slot_reason why;

	(void)state;
	assert_int_equal(handoff_agent_words_parse(3, words, &why, &set), -EINVAL);
	assert_string_equal(why.text, "'queue=5': queue is given twice");
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD(&plan, has_defaults, NULL, NULL);
	TAP_ADD(&plan, takes_times_and_numbers, NULL, NULL);
	TAP_ADD(&plan, takes_a_device, NULL, NULL);
	TAP_ADD_TABLE(&plan, refuses_row, rows);
	TAP_ADD(&plan, refuses_a_key_that_is_given_twice, NULL, NULL);
	return tap_run(&plan, "handoff_agent_words", 0);
}
