/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaving out slots, on packets: every number from every slot, held against what bpf/skip_abi.h says. */
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include "bpf/skip_abi.h"
#include "tests/support/chaincase.h"

#define STAMP_COUNT_AT 14 /* right behind the Ethernet header */
#define STAMPS_AT 15

/* Slots 1, 4, 5, 9 and 19 stamp the packets they see; `from` answers with `verdict`. */
static const unsigned int stampers[] = { 1, 4, 5, 9, 19 };
#define STAMPERS (sizeof(stampers) / sizeof(stampers[0]))

static void build_chain(struct chainrun *chain, void **state, unsigned int from, int verdict,
			bool may_skip)
{
	char settings[48];
	size_t i;

	chain_start(chain, state);
	for (i = 0; i < STAMPERS; i++) {
		snprintf(settings, sizeof(settings), "id=%u", stampers[i]);
		if (stampers[i] != from)
			chain_add(chain, stampers[i], "stamp", settings);
	}
	snprintf(settings, sizeof(settings), "verdict=%d", verdict);
	chain_add(chain, from, "ret", settings);
	if (may_skip)
		chain->state.slots[from].rules.allow |= ROOT_ALLOW_SKIP;
	chain_build(chain);
}

/* Whether slot @slot runs when @from leaves out everything up to @to. */
static bool is_met(unsigned int slot, unsigned int from, unsigned int to)
{
	return slot < from || slot > to;
}

static void check_skip(void **state, unsigned int from, unsigned int to)
{
	struct slot_counters counters;
	struct chainrun chain;
	struct progrun run;
	size_t met = 0;
	size_t i;

	build_chain(&chain, state, from, SLOT_SKIP_TO((int)to), true);
	run = chainrun_frame(&chain);
	counters = chainrun_counters(&chain);
	assert_int_equal(run.verdict, XDP_PASS);
	for (i = 0; i < STAMPERS; i++) {
		if (stampers[i] == from)
			continue;
		assert_int_equal(counters.slots[stampers[i]].seen, is_met(stampers[i], from, to));
		assert_int_equal(counters.slots[stampers[i]].verdicts[XDP_PASS],
				 is_met(stampers[i], from, to));
		if (is_met(stampers[i], from, to))
			assert_int_equal(run.bytes[STAMPS_AT + met++], stampers[i]);
	}
	assert_int_equal(run.bytes[STAMP_COUNT_AT], met);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.passed, 1);
	assert_int_equal(counters.slots[from].seen, 1);
	assert_int_equal(counters.slots[from].verdicts[ROOT_COL_SKIPPED], 1);
	assert_int_equal(counters.slots[from].verdicts[XDP_PASS], 0);
	chainrun_end(&chain);
}

static void a_skip_leaves_out_exactly_the_slots_up_to_its_number(void **state)
{
	static const unsigned int froms[] = { 0, 4, 7, 18 };
	unsigned int to;
	size_t i;

	for (i = 0; i < sizeof(froms) / sizeof(froms[0]); i++)
		for (to = froms[i] + 1; to < ROOT_SLOTS; to++)
			check_skip(state, froms[i], to);
}

static void check_denied(void **state, unsigned int from, int verdict, bool may_skip)
{
	struct slot_counters counters;
	struct chainrun chain;

	build_chain(&chain, state, from, verdict, may_skip);
	chain_assert_verdict(&chain, XDP_ABORTED);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[from].verdicts[ROOT_COL_DENIED], 1);
	assert_int_equal(counters.slots[from].verdicts[ROOT_COL_SKIPPED], 0);
	assert_int_equal(counters.slots[19].seen, from == 19);
	assert_int_equal(counters.passed, 0);
	chainrun_end(&chain);
}

/* Nobody leaves out someone else's firewall because a team says so. */
static void without_a_grant_a_skip_is_denied(void **state)
{
	check_denied(state, 4, SLOT_SKIP_TO(9), false);
	check_denied(state, 4, SLOT_SKIP_REST, false);
}

static void only_slots_behind_the_own_can_be_left_out(void **state)
{
	check_denied(state, 9, SLOT_SKIP_TO(0), true);
	check_denied(state, 9, SLOT_SKIP_TO(8), true);
	check_denied(state, 9, SLOT_SKIP_TO(9), true);
	check_denied(state, 9, SLOT_SKIP_TO(20), true);
	check_denied(state, 9, SLOT_SKIP_BASE - 1, true);
	check_denied(state, 9, -1, true);
	check_denied(state, 19, SLOT_SKIP_REST, true);
}

static void a_slot_may_skip_though_no_verdict_of_its_own_leads_on(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 2, "ret", "verdict=0x108");
	chain_add(&chain, 5, "stamp", "id=5");
	chain_add(&chain, 9, "stamp", "id=9");
	chain.state.slots[2].rules.allow |= ROOT_ALLOW_SKIP;
	chain.state.slots[2].rules.continue_on = 0;
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[5].seen, 0);
	assert_int_equal(counters.slots[9].seen, 1);
	chainrun_end(&chain);
}

/* One skip after the other, over packets that are dropped in between. */
static void skips_of_several_slots_add_up(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	unsigned int i;

	chain_start(&chain, state);
	chain_add(&chain, 0, "ret", "verdict=0x103");
	chain_add(&chain, 3, "stamp", "id=3");
	chain_add(&chain, 5, "globals", "step=1"); /* passes three packets, then drops */
	chain_add(&chain, 7, "ret", "verdict=0x113");
	chain_add(&chain, 12, "stamp", "id=12");
	chain.state.slots[0].rules.allow |= ROOT_ALLOW_SKIP;
	chain.state.slots[7].rules.allow |= ROOT_ALLOW_SKIP;
	chain_build(&chain);
	for (i = 0; i < 100; i++)
		chainrun_frame(&chain);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 100);
	assert_int_equal(counters.slots[0].verdicts[ROOT_COL_SKIPPED], 100);
	assert_int_equal(counters.slots[3].seen, 0);
	assert_int_equal(counters.slots[5].seen, 100);
	assert_int_equal(counters.slots[5].verdicts[XDP_DROP], 97);
	assert_int_equal(counters.slots[7].seen, 3);
	assert_int_equal(counters.slots[7].verdicts[ROOT_COL_SKIPPED], 3);
	assert_int_equal(counters.slots[12].seen, 0);
	assert_int_equal(counters.passed, 3);
	chainrun_end(&chain);
}

static void the_helper_of_programs_skips_and_checks_its_number(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 1, "skip", "to=4");
	chain_add(&chain, 4, "stamp", "id=4");
	chain.state.slots[1].rules.allow |= ROOT_ALLOW_SKIP;
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[4].seen, 0);
	chainrun_end(&chain);

	chain_start(&chain, state);
	chain_add(&chain, 1, "skip", "to=20");
	chain.state.slots[1].rules.allow |= ROOT_ALLOW_SKIP;
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_ABORTED);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[1].verdicts[XDP_ABORTED], 1);
	chainrun_end(&chain);
}

static const struct chain_case cases[] = {
	CHAIN_CASE(a_skip_leaves_out_exactly_the_slots_up_to_its_number),
	CHAIN_CASE(without_a_grant_a_skip_is_denied),
	CHAIN_CASE(only_slots_behind_the_own_can_be_left_out),
	CHAIN_CASE(a_slot_may_skip_though_no_verdict_of_its_own_leads_on),
	CHAIN_CASE(skips_of_several_slots_add_up),
	CHAIN_CASE(the_helper_of_programs_skips_and_checks_its_number),
};

int main(void)
{
	return chain_cases_run("skip", cases, sizeof(cases) / sizeof(cases[0]));
}
