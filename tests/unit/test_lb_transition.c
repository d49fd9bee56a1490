/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of an entry of the ring when its real changes, and when nothing does. */
#include <string.h>

#include "programs/lb/ring/lb_transition.h"
#include "tests/support/tap.h"

#define WINDOW 60
#define START 1000 /* s */
#define SECOND 1000000000ULL
#define TABLE LB_ENTRY_TABLE
#define PREVIOUS LB_ENTRY_PREVIOUS
#define ERA(n) ((n) * LB_ENTRY_ERA_ONE)

/* A VIP whose position 0 is looked at; all others stay with real 9. */
static struct vip {
	__u32 entries[LB_RING_SIZE];
	struct lb_previous previous[LB_RING_SIZE];
	__u32 ring[LB_RING_SIZE];
	__u64 until;
	__u32 changed;
	struct lb_transition plan;
} vip;

static void change(__u32 real, __u32 second)
{
	vip.ring[0] = real;
	vip.plan.now = second * SECOND;
	vip.plan.previous_until = vip.until;
	vip.changed = lb_transition_plan(&vip.plan, vip.entries, vip.previous, &vip.until);
}

static int set_up(void **state)
{
	(void)state;
	memset(&vip, 0, sizeof(vip));
	vip.plan = (struct lb_transition){
		.entries = vip.entries,
		.previous = vip.previous,
		.ring = vip.ring,
		.window = WINDOW,
	};
	for (__u32 i = 1; i < LB_RING_SIZE; i++)
		vip.ring[i] = 9;
	change(1, START);
	return 0;
}

static void assert_entry(__u32 entry, __u32 previous)
{
	assert_int_equal(vip.entries[0], entry);
	assert_int_equal(vip.previous[0].real, previous);
}

static void the_first_ring_has_no_flags(void **state)
{
	(void)state;
	assert_entry(1, 0);
	assert_int_equal(vip.entries[LB_RING_SIZE - 1], 9);
	assert_int_equal(vip.until, 0);
	assert_int_equal(vip.changed, LB_RING_SIZE);
}

static void a_changed_entry_is_watched_and_has_a_previous_real(void **state)
{
	(void)state;
	change(2, START + 5);
	assert_entry(2 | TABLE | PREVIOUS | ERA(1), 1);
	assert_int_equal(vip.previous[0].changed, START + 5);
	assert_true(vip.until == (START + 5 + WINDOW) * SECOND);
	assert_int_equal(vip.changed, 1);
}

static void other_entries_stay_as_they_are(void **state)
{
	(void)state;
	change(2, START + 5);
	for (__u32 i = 1; i < LB_RING_SIZE; i++)
		assert_true(vip.entries[i] == 9 && !vip.previous[i].real);
}

static void a_second_change_in_the_window_keeps_the_oldest_real(void **state)
{
	(void)state;
	change(2, START + 5);
	change(3, START + 5 + WINDOW - 1);
	assert_entry(3 | TABLE | PREVIOUS | ERA(1), 1);
	assert_int_equal(vip.previous[0].changed, START + 5);
	assert_true(vip.until == (START + 5 + WINDOW - 1 + WINDOW) * SECOND);
}

static void a_change_after_the_window_has_the_real_before_it(void **state)
{
	(void)state;
	change(2, START + 5);
	change(3, START + 5 + WINDOW);
	assert_entry(3 | TABLE | PREVIOUS | ERA(1), 2);
	assert_int_equal(vip.previous[0].changed, START + 5 + WINDOW);
}

static void a_real_that_comes_back_needs_no_previous_one(void **state)
{
	(void)state;
	change(2, START + 5);
	change(1, START + 10);
	assert_entry(1 | TABLE | ERA(1), 0);
	assert_int_equal(vip.until, 0);
}

static void a_change_elsewhere_ends_no_window(void **state)
{
	(void)state;
	change(2, START + 5);
	vip.ring[1] = 3;
	change(2, START + 10);
	assert_entry(2 | TABLE | PREVIOUS | ERA(1), 1);
	assert_int_equal(vip.entries[1], 3 | TABLE | PREVIOUS | ERA(1));
}

static void the_window_ends_when_it_is_over(void **state)
{
	(void)state;
	change(2, START + 5);
	change(2, START + 5 + WINDOW);
	assert_entry(2 | TABLE | ERA(1), 0);
	assert_int_equal(vip.until, 0);
	assert_int_equal(vip.changed, 0);
}

static void planning_without_a_change_does_not_lengthen_the_window(void **state)
{
	(void)state;
	change(2, START + 5);
	change(2, START + 5 + WINDOW - 1);
	assert_entry(2 | TABLE | PREVIOUS | ERA(1), 1);
	assert_true(vip.until == (START + 5 + WINDOW) * SECOND);
}

static void an_entry_is_watched_for_a_day_after_its_window(void **state)
{
	(void)state;
	change(2, START + 5);
	change(2, START + 5 + WINDOW + LB_TRANSITION_KEEP - 1);
	assert_entry(2 | TABLE | ERA(1), 0);
	change(2, START + 5 + WINDOW + LB_TRANSITION_KEEP);
	assert_entry(2 | ERA(1), 0);
	assert_int_equal(vip.previous[0].changed, 0);
}

static void an_entry_that_is_watched_again_has_another_era(void **state)
{
	__u32 second = START;

	(void)state;
	for (__u32 era = 1; era < 64; era++) {
		second += WINDOW + LB_TRANSITION_KEEP;
		change(2 + era, second);
		assert_int_equal(vip.entries[0] & LB_ENTRY_ERA, ERA(era));
		second += WINDOW + LB_TRANSITION_KEEP;
		change(2 + era, second);
	}
	change(2, second + 1);
	assert_entry(2 | TABLE | PREVIOUS | ERA(1), 65);
}

static void an_entry_that_changes_as_its_watch_ends_keeps_its_era(void **state)
{
	(void)state;
	change(2, START + 5);
	change(3, START + 5 + WINDOW + LB_TRANSITION_KEEP);
	assert_entry(3 | TABLE | PREVIOUS | ERA(1), 2);
}

static void a_real_that_is_gone_is_no_previous_one(void **state)
{
	static const __u64 gone[LB_REALS_MAX / 64 + 1] = { 1 << 1 };

	(void)state;
	vip.plan.gone = gone;
	change(2, START + 5);
	assert_entry(2, 0);
	assert_int_equal(vip.until, 0);
}

static void a_previous_real_that_goes_is_forgotten(void **state)
{
	static const __u64 gone[LB_REALS_MAX / 64 + 1] = { 1 << 1 };

	(void)state;
	change(2, START + 5);
	vip.plan.gone = gone;
	change(2, START + 10);
	assert_entry(2 | TABLE | ERA(1), 0);
}

static void a_ring_without_reals_keeps_the_previous_ones(void **state)
{
	(void)state;
	change(0, START + 5);
	assert_entry(0 | TABLE | PREVIOUS | ERA(1), 1);
	change(2, START + 10);
	assert_entry(2 | TABLE | PREVIOUS | ERA(1), 1);
}

static void without_a_window_nothing_is_kept(void **state)
{
	(void)state;
	vip.plan.window = 0;
	change(2, START + 5);
	assert_entry(2, 0);
	assert_int_equal(vip.until, 0);
}

static void a_vip_with_records_of_all_flows_is_watched_for_a_day(void **state)
{
	(void)state;
	vip.plan.was_recorded = true;
	change(1, START + 5);
	assert_entry(1 | TABLE, 0);
	vip.plan.was_recorded = false;
	change(1, START + 5 + WINDOW + LB_TRANSITION_KEEP - 1);
	assert_entry(1 | TABLE, 0);
	change(1, START + 5 + WINDOW + LB_TRANSITION_KEEP);
	assert_entry(1, 0);
}

#define CASE(fn) TAP_ADD(&plan, fn, set_up, NULL)

int main(void)
{
	struct tap_plan plan = {};

	CASE(the_first_ring_has_no_flags);
	CASE(a_changed_entry_is_watched_and_has_a_previous_real);
	CASE(other_entries_stay_as_they_are);
	CASE(a_second_change_in_the_window_keeps_the_oldest_real);
	CASE(a_change_after_the_window_has_the_real_before_it);
	CASE(a_real_that_comes_back_needs_no_previous_one);
	CASE(a_change_elsewhere_ends_no_window);
	CASE(the_window_ends_when_it_is_over);
	CASE(planning_without_a_change_does_not_lengthen_the_window);
	CASE(an_entry_is_watched_for_a_day_after_its_window);
	CASE(an_entry_that_is_watched_again_has_another_era);
	CASE(an_entry_that_changes_as_its_watch_ends_keeps_its_era);
	CASE(a_real_that_is_gone_is_no_previous_one);
	CASE(a_previous_real_that_goes_is_forgotten);
	CASE(a_ring_without_reals_keeps_the_previous_ones);
	CASE(without_a_window_nothing_is_kept);
	CASE(a_vip_with_records_of_all_flows_is_watched_for_a_day);
	return tap_run(&plan, "lb_transition", 0);
}
