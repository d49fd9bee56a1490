/* SPDX-License-Identifier: GPL-2.0-only */
/* What a chain promises: order, verdicts, counters. On every engine that the running kernel accepts. */
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include "tests/support/chaincase.h"

#define STAMP_COUNT_AT 14 /* right behind the Ethernet header */
#define STAMPS_AT 15

static void an_empty_chain_passes_and_counts(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	chain_start(&chain, state);
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.passed, 1);
	chainrun_end(&chain);
}

static void slots_run_in_the_order_of_their_numbers(void **state)
{
	static const unsigned int slots[] = { 19, 0, 7, 12, 2 };
	static const unsigned char order[] = { 0, 2, 7, 12, 19 };
	struct chainrun chain;
	struct progrun run;
	char settings[16];
	size_t i;

	chain_start(&chain, state);
	for (i = 0; i < 5; i++) {
		snprintf(settings, sizeof(settings), "id=%u", slots[i]);
		chain_add(&chain, slots[i], "stamp", settings);
	}
	chain_build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.bytes[STAMP_COUNT_AT], 5);
	assert_memory_equal(run.bytes + STAMPS_AT, order, 5);
	chainrun_end(&chain);
}

static void twenty_full_slots_all_run(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	struct progrun run;
	char settings[16];
	unsigned int slot;

	chain_start(&chain, state);
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		snprintf(settings, sizeof(settings), "id=%u", slot);
		chain_add(&chain, slot, "stamp", settings);
	}
	chain_build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.verdict, XDP_PASS);
	assert_int_equal(run.bytes[STAMP_COUNT_AT], ROOT_SLOTS);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(run.bytes[STAMPS_AT + slot], slot);
	counters = chainrun_counters(&chain);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(counters.slots[slot].verdicts[XDP_PASS], 1);
	chainrun_end(&chain);
}

static void every_verdict_but_pass_ends_the_chain_there(void **state)
{
	static const unsigned int verdicts[] = { XDP_ABORTED, XDP_DROP, XDP_TX, XDP_REDIRECT };
	size_t i;

	for (i = 0; i < 4; i++) {
		struct slot_counters counters;
		struct chainrun chain;
		struct progrun run;
		char settings[16];

		chain_start(&chain, state);
		snprintf(settings, sizeof(settings), "verdict=%u", verdicts[i]);
		chain_add(&chain, 1, "stamp", "id=1");
		chain_add(&chain, 5, "ret", settings);
		chain_add(&chain, 9, "stamp", "id=9");
		chain_build(&chain);
		run = chainrun_frame(&chain);
		assert_int_equal(run.verdict, verdicts[i]);
		assert_int_equal(run.bytes[STAMP_COUNT_AT], 1);
		counters = chainrun_counters(&chain);
		assert_int_equal(counters.slots[1].verdicts[XDP_PASS], 1);
		assert_int_equal(counters.slots[5].seen, 1);
		assert_int_equal(counters.slots[5].verdicts[verdicts[i]], 1);
		assert_int_equal(counters.slots[9].seen, 0);
		assert_int_equal(counters.passed, 0);
		chainrun_end(&chain);
	}
}

static void continue_on_lets_other_verdicts_go_on(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	struct progrun run;

	chain_start(&chain, state);
	chain_add(&chain, 3, "stamp", "id=3 verdict=3");
	chain_add(&chain, 4, "stamp", "id=4");
	chain.state.slots[3].rules.continue_on = 1U << XDP_PASS | 1U << XDP_TX;
	chain_build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.verdict, XDP_PASS);
	assert_int_equal(run.bytes[STAMP_COUNT_AT], 2);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.slots[3].verdicts[XDP_TX], 1);
	assert_int_equal(counters.slots[3].verdicts[XDP_PASS], 0);
	assert_int_equal(counters.slots[4].seen, 1);
	assert_int_equal(counters.passed, 1);
	chainrun_end(&chain);
}

static void without_pass_in_continue_on_a_pass_ends_the_chain(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 3, "ret", "verdict=2");
	chain_add(&chain, 4, "ret", "verdict=1");
	chain.state.slots[3].rules.continue_on = 1U << XDP_DROP;
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[3].verdicts[XDP_PASS], 1);
	assert_int_equal(counters.slots[4].seen, 0);
	assert_int_equal(counters.passed, 0);
	chainrun_end(&chain);
}

static void check_end(void **state, unsigned int allow, unsigned int continue_on,
		      const char *settings, unsigned int verdict)
{
	struct slot_counters counters;
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 3, "ret", settings);
	chain_add(&chain, 4, "stamp", "id=4");
	chain.state.slots[3].rules.allow = (__u8)allow;
	chain.state.slots[3].rules.continue_on = (__u8)continue_on;
	chain_build(&chain);
	chain_assert_verdict(&chain, verdict);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[3].verdicts[verdict], 1);
	assert_int_equal(counters.slots[4].seen, 0);
	assert_int_equal(counters.passed, 0);
	chainrun_end(&chain);
}

static void a_slot_that_nothing_goes_on_from_is_the_last_to_run(void **state)
{
	check_end(state, 1U << XDP_DROP, 1U << XDP_PASS, "verdict=1", XDP_DROP);
	check_end(state, ROOT_VERDICT_ALL, 0, "verdict=2", XDP_PASS);
}

/* The same forbidden verdict under each way to treat it. */
static void check_denied(void **state, const char *object, const char *settings, unsigned int allow,
			 unsigned int denied_as, unsigned int verdict, unsigned int seen_behind)
{
	struct slot_counters counters;
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 6, object, settings);
	chain_add(&chain, 8, "stamp", "id=8");
	chain.state.slots[6].rules.allow = (__u8)allow;
	chain.state.slots[6].rules.denied_as = (__u8)denied_as;
	chain_build(&chain);
	chain_assert_verdict(&chain, verdict);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.slots[6].verdicts[ROOT_COL_DENIED], 1);
	assert_int_equal(counters.slots[6].verdicts[XDP_PASS], 0);
	assert_int_equal(counters.slots[8].seen, seen_behind);
	assert_int_equal(counters.passed, seen_behind);
	chainrun_end(&chain);
}

static void a_verdict_outside_allow_aborts_by_default(void **state)
{
	check_denied(state, "ret", "verdict=3", 1U << XDP_PASS | 1U << XDP_DROP,
		     ROOT_DENIED_AS_ABORTED, XDP_ABORTED, 0);
}

static void a_verdict_outside_allow_drops_if_so_reserved(void **state)
{
	check_denied(state, "ret", "verdict=3", 1U << XDP_PASS | 1U << XDP_DROP,
		     ROOT_DENIED_AS_DROP, XDP_DROP, 0);
}

static void a_verdict_outside_allow_goes_on_if_so_reserved(void **state)
{
	check_denied(state, "ret", "verdict=3", 1U << XDP_PASS | 1U << XDP_DROP,
		     ROOT_DENIED_AS_PASS, XDP_PASS, 1);
}

static void what_is_no_verdict_is_denied(void **state)
{
	check_denied(state, "badverdict", NULL, ROOT_VERDICT_ALL, ROOT_DENIED_AS_ABORTED,
		     XDP_ABORTED, 0);
	check_denied(state, "ret", "verdict=-1", ROOT_VERDICT_ALL, ROOT_DENIED_AS_DROP, XDP_DROP,
		     0);
}

static void an_allowed_verdict_of_a_short_list_is_kept(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 6, "ret", "verdict=1");
	chain.state.slots[6].rules.allow = 1U << XDP_PASS | 1U << XDP_DROP;
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_DROP);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[6].verdicts[XDP_DROP], 1);
	assert_int_equal(counters.slots[6].verdicts[ROOT_COL_DENIED], 0);
	chainrun_end(&chain);
}

static void counters_add_up_over_many_packets(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	unsigned int i;

	chain_start(&chain, state);
	chain_add(&chain, 0, "stamp", "id=0");
	chain_add(&chain, 2, "globals", "step=1"); /* passes three packets, then drops */
	chain_add(&chain, 11, "stamp", "id=11");
	chain_build(&chain);
	for (i = 0; i < 100; i++)
		chainrun_frame(&chain);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 100);
	assert_int_equal(counters.slots[0].verdicts[XDP_PASS], 100);
	assert_int_equal(counters.slots[2].seen, 100);
	assert_int_equal(counters.slots[2].verdicts[XDP_DROP], 97);
	assert_int_equal(counters.slots[2].verdicts[XDP_PASS], 3);
	assert_int_equal(counters.slots[11].seen, 3);
	assert_int_equal(counters.passed, 3);
	chainrun_end(&chain);
}

static void a_chain_without_counters_works_the_same(void **state)
{
	struct chainrun chain;
	int counters_fd;

	chain_start(&chain, state);
	counters_fd = chain.build.counters_fd;
	chain.build.counters_fd = -1;
	chain_add(&chain, 2, "stamp", "id=2 verdict=3");
	chain_add(&chain, 3, "ret", "verdict=1");
	chain.state.slots[2].rules.continue_on |= 1U << XDP_TX;
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_DROP);
	chain.build.counters_fd = counters_fd;
	chainrun_end(&chain);
}

static const struct chain_case cases[] = {
	CHAIN_CASE(an_empty_chain_passes_and_counts),
	CHAIN_CASE(slots_run_in_the_order_of_their_numbers),
	CHAIN_CASE(twenty_full_slots_all_run),
	CHAIN_CASE(every_verdict_but_pass_ends_the_chain_there),
	CHAIN_CASE(continue_on_lets_other_verdicts_go_on),
	CHAIN_CASE(without_pass_in_continue_on_a_pass_ends_the_chain),
	CHAIN_CASE(a_slot_that_nothing_goes_on_from_is_the_last_to_run),
	CHAIN_CASE(a_verdict_outside_allow_aborts_by_default),
	CHAIN_CASE(a_verdict_outside_allow_drops_if_so_reserved),
	CHAIN_CASE(a_verdict_outside_allow_goes_on_if_so_reserved),
	CHAIN_CASE(what_is_no_verdict_is_denied),
	CHAIN_CASE(an_allowed_verdict_of_a_short_list_is_kept),
	CHAIN_CASE(counters_add_up_over_many_packets),
	CHAIN_CASE(a_chain_without_counters_works_the_same),
};

int main(void)
{
	return chain_cases_run("chain", cases, sizeof(cases) / sizeof(cases[0]));
}
