/* SPDX-License-Identifier: GPL-2.0-only */
/* From one increment per packet to what each slot saw. */
#include <string.h>

#include "loader/lib/chain/counters.h"
#include "tests/support/tap.h"

static const struct slot_lineup running = { .running = 1U << 0 | 1U << 2 | 1U << 12 };

static void what_a_slot_passed_follows_from_the_order(void **state)
{
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	raw.exit[2][ROOT_COL_DROP] = 30;
	raw.exit[12][ROOT_COL_TX] = 5;
	raw.exit[ROOT_ROW_END][ROOT_COL_PASS] = 65;
	slot_counters_derive(&raw, &running, &sums);
	assert_int_equal(sums.packets, 100);
	assert_int_equal(sums.slots[0].seen, 100);
	assert_int_equal(sums.slots[0].verdicts[ROOT_COL_PASS], 100);
	assert_int_equal(sums.slots[2].seen, 100);
	assert_int_equal(sums.slots[2].verdicts[ROOT_COL_DROP], 30);
	assert_int_equal(sums.slots[2].verdicts[ROOT_COL_PASS], 70);
	assert_int_equal(sums.slots[12].seen, 70);
	assert_int_equal(sums.slots[12].verdicts[ROOT_COL_TX], 5);
	assert_int_equal(sums.slots[12].verdicts[ROOT_COL_PASS], 65);
	assert_int_equal(sums.passed, 65);
}

static void a_slot_that_did_not_run_saw_nothing(void **state)
{
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	raw.exit[ROOT_ROW_END][ROOT_COL_PASS] = 9;
	slot_counters_derive(&raw, &running, &sums);
	assert_int_equal(sums.slots[1].seen, 0);
	assert_int_equal(sums.slots[19].seen, 0);
	assert_int_equal(sums.passed, 9);
}

static void a_verdict_that_went_on_is_no_pass_but_reaches_the_next_slot(void **state)
{
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	raw.went_on[0][ROOT_COL_TX] = 4;
	raw.went_on[2][ROOT_COL_DENIED] = 1;
	raw.exit[ROOT_ROW_END][ROOT_COL_PASS] = 10;
	slot_counters_derive(&raw, &running, &sums);
	assert_int_equal(sums.packets, 10);
	assert_int_equal(sums.slots[0].verdicts[ROOT_COL_TX], 4);
	assert_int_equal(sums.slots[0].verdicts[ROOT_COL_PASS], 6);
	assert_int_equal(sums.slots[2].seen, 10);
	assert_int_equal(sums.slots[2].verdicts[ROOT_COL_DENIED], 1);
	assert_int_equal(sums.slots[2].verdicts[ROOT_COL_PASS], 9);
	assert_int_equal(sums.slots[12].seen, 10);
}

static void a_pass_that_ends_the_chain_counts_as_a_pass_of_that_slot(void **state)
{
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	raw.exit[2][ROOT_COL_PASS] = 3;
	slot_counters_derive(&raw, &running, &sums);
	assert_int_equal(sums.slots[2].verdicts[ROOT_COL_PASS], 3);
	assert_int_equal(sums.slots[12].seen, 0);
	assert_int_equal(sums.passed, 0);
}

static void sums_of_two_generations_add_up(void **state)
{
	struct slot_lineup older = { .running = 1U << 2 };
	struct slot_lineup newer = { .running = 1U << 2 | 1U << 5 };
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	raw.exit[ROOT_ROW_END][ROOT_COL_PASS] = 10;
	slot_counters_derive(&raw, &older, &sums);
	slot_counters_derive(&raw, &newer, &sums);
	assert_int_equal(sums.packets, 20);
	assert_int_equal(sums.slots[2].seen, 20);
	assert_int_equal(sums.slots[5].seen, 10);
}

static void counters_read_in_mid_flight_never_go_below_zero(void **state)
{
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	/* Counted as gone on, not yet as ended: it is still on its way. */
	raw.went_on[0][ROOT_COL_TX] = 1;
	slot_counters_derive(&raw, &running, &sums);
	assert_int_equal(sums.slots[0].verdicts[ROOT_COL_PASS], 0);
	assert_int_equal(sums.passed, 0);
}

static void a_slot_that_was_left_out_did_not_see_the_packet(void **state)
{
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	raw.went_on[0][ROOT_COL_SKIPPED] = 40;
	raw.went_on[2][ROOT_COL_LANDED] = 30;  /* past slot 2 */
	raw.went_on[12][ROOT_COL_LANDED] = 10; /* past all */
	raw.exit[2][ROOT_COL_DROP] = 5;
	raw.exit[ROOT_ROW_END][ROOT_COL_PASS] = 95;
	slot_counters_derive(&raw, &running, &sums);
	assert_int_equal(sums.packets, 100);
	assert_int_equal(sums.slots[0].seen, 100);
	assert_int_equal(sums.slots[0].verdicts[ROOT_COL_SKIPPED], 40);
	assert_int_equal(sums.slots[0].verdicts[ROOT_COL_PASS], 60);
	assert_int_equal(sums.slots[2].seen, 60);
	assert_int_equal(sums.slots[2].verdicts[ROOT_COL_PASS], 55);
	assert_int_equal(sums.slots[12].seen, 85);
	assert_int_equal(sums.slots[12].verdicts[ROOT_COL_PASS], 85);
	assert_int_equal(sums.passed, 95);
}

static void a_skip_that_left_out_nobody_lands_where_it_began(void **state)
{
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	raw.went_on[0][ROOT_COL_SKIPPED] = 7;
	raw.went_on[0][ROOT_COL_LANDED] = 7;
	raw.exit[ROOT_ROW_END][ROOT_COL_PASS] = 10;
	slot_counters_derive(&raw, &running, &sums);
	assert_int_equal(sums.slots[0].verdicts[ROOT_COL_SKIPPED], 7);
	assert_int_equal(sums.slots[0].verdicts[ROOT_COL_PASS], 3);
	assert_int_equal(sums.slots[2].seen, 10);
	assert_int_equal(sums.passed, 10);
}

static void a_canary_counts_apart_and_within_its_slot(void **state)
{
	struct slot_lineup lineup = running;
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	lineup.canary_since[2] = 41;
	raw.exit[2][ROOT_COL_DROP] = 30;
	raw.exit[ROOT_ROW_END][ROOT_COL_PASS] = 70;
	raw.canary[2][ROOT_COL_DROP] = 3;
	raw.canary[2][ROOT_COL_PASS] = 2;
	slot_counters_choose(&sums, &lineup);
	slot_counters_derive(&raw, &lineup, &sums);
	slot_counters_derive(&raw, &lineup, &sums);
	assert_int_equal(sums.slots[2].seen, 200);
	assert_int_equal(sums.slots[2].verdicts[ROOT_COL_DROP], 60);
	assert_int_equal(sums.canaries[2].seen, 10);
	assert_int_equal(sums.canaries[2].verdicts[ROOT_COL_DROP], 6);
	assert_int_equal(sums.canaries[2].verdicts[ROOT_COL_PASS], 4);
}

static void another_run_of_a_canary_starts_at_zero(void **state)
{
	struct slot_lineup earlier = running;
	struct slot_lineup later = running;
	struct root_counters raw = { 0 };
	struct slot_counters sums = { 0 };

	(void)state;
	earlier.canary_since[2] = 41;
	later.canary_since[2] = 43;
	raw.exit[ROOT_ROW_END][ROOT_COL_PASS] = 5;
	raw.canary[2][ROOT_COL_PASS] = 5;
	slot_counters_choose(&sums, &earlier);
	slot_counters_derive(&raw, &earlier, &sums);
	slot_counters_choose(&sums, &later);
	assert_int_equal(sums.canaries[2].seen, 0);
	slot_counters_derive(&raw, &earlier, &sums);
	assert_int_equal(sums.canaries[2].seen, 0);
	slot_counters_derive(&raw, &later, &sums);
	assert_int_equal(sums.canaries[2].seen, 5);
	assert_int_equal(sums.slots[2].seen, 15);
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD(&plan, what_a_slot_passed_follows_from_the_order, NULL, NULL);
	TAP_ADD(&plan, a_slot_that_did_not_run_saw_nothing, NULL, NULL);
	TAP_ADD(&plan, a_verdict_that_went_on_is_no_pass_but_reaches_the_next_slot, NULL, NULL);
	TAP_ADD(&plan, a_pass_that_ends_the_chain_counts_as_a_pass_of_that_slot, NULL, NULL);
	TAP_ADD(&plan, sums_of_two_generations_add_up, NULL, NULL);
	TAP_ADD(&plan, counters_read_in_mid_flight_never_go_below_zero, NULL, NULL);
	TAP_ADD(&plan, a_slot_that_was_left_out_did_not_see_the_packet, NULL, NULL);
	TAP_ADD(&plan, a_skip_that_left_out_nobody_lands_where_it_began, NULL, NULL);
	TAP_ADD(&plan, a_canary_counts_apart_and_within_its_slot, NULL, NULL);
	TAP_ADD(&plan, another_run_of_a_canary_starts_at_zero, NULL, NULL);
	return tap_run(&plan, "counters", 0);
}
