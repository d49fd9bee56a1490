/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose client the agent asks at which look. */
#include <string.h>

#include "programs/handoff/agent/handoff_turns.h"
#include "tests/support/tap.h"

#define MANY 2500
#define ROOM 1000
#define LOOK_NS 1000000000ULL

static struct handoff_turns turns;
static unsigned int times[MANY]; /* that each was asked */
static __u64 now_ns;

static int set_up(void **state)
{
	(void)state;
	turns = (struct handoff_turns){};
	memset(times, 0, sizeof(times));
	now_ns = 0;
	return 0;
}

/* All from @first on are in doubt. */
static void look(size_t first, size_t room)
{
	now_ns += LOOK_NS;
	handoff_turns_begin(&turns, room, now_ns);
	for (size_t i = first; i < MANY; i++)
		times[i] += handoff_turns_take(&turns);
}

static void check_times(size_t first, unsigned int want)
{
	for (size_t i = first; i < MANY; i++)
		assert_int_equal(times[i], want);
}

static void all_have_their_turn_before_one_has_a_second(void **state)
{
	(void)state;
	for (unsigned int round = 1; round <= HANDOFF_TURNS_ROUNDS; round++) {
		look(0, ROOM);
		look(0, ROOM);
		look(0, ROOM);
		check_times(0, round);
	}
}

static void all_are_asked_at_each_look_where_there_is_room(void **state)
{
	(void)state;
	for (unsigned int round = 1; round <= HANDOFF_TURNS_ROUNDS; round++) {
		look(0, MANY);
		check_times(0, round);
	}
}

static void doubt_lasts_for_three_rounds(void **state)
{
	(void)state;
	look(0, MANY);
	look(0, MANY);
	look(0, MANY);
	assert_int_equal(handoff_turns_since(&turns), 0);
	look(0, ROOM);
	assert_int_equal(handoff_turns_since(&turns), LOOK_NS);
	look(0, ROOM);
	look(0, ROOM);
	assert_int_equal(handoff_turns_since(&turns), LOOK_NS);
	look(0, ROOM);
	assert_int_equal(handoff_turns_since(&turns), 2 * LOOK_NS);
}

static void one_that_waits_for_room_has_its_turn_when_there_is_some(void **state)
{
	(void)state;
	look(0, 0);
	look(0, 0);
	check_times(0, 0);
	look(0, MANY);
	check_times(0, 1);
}

static void a_round_ends_where_those_who_had_their_turn_are_gone(void **state)
{
	(void)state;
	look(0, ROOM);
	look(2 * ROOM, ROOM);
	check_times(2 * ROOM, 0);
	look(2 * ROOM, ROOM);
	check_times(2 * ROOM, 1);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, NULL)

int main(void)
{
	struct tap_plan plan = { 0 };

	ADD(all_have_their_turn_before_one_has_a_second);
	ADD(all_are_asked_at_each_look_where_there_is_room);
	ADD(doubt_lasts_for_three_rounds);
	ADD(one_that_waits_for_room_has_its_turn_when_there_is_some);
	ADD(a_round_ends_where_those_who_had_their_turn_are_gone);
	return tap_run(&plan, "handoff_turns", 0);
}
