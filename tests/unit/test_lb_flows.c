/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Long-lived TCP flows through 1,000 changes of the ring and hundreds of changes of
 * routes between four instances: how many reach another real than the one that has
 * their connection. Plain Maglev, Maglev with a table of every flow in each instance
 * (Katran's), and LB_TABLE_TRANSITIONS with several windows see the same packets.
 */
#include <stdio.h>

#include "tests/support/lb_fleet.h"
#include "tests/support/tap.h"

static void print_result(const struct lb_fleet_scenario *scenario,
			 const struct lb_fleet_result *result)
{
	print_message("# %s: %u flows, %u changes, %u changes of routes, in %u hours\n",
		      scenario->name, result->flows, LB_FLEET_CHANGES, result->routes,
		      result->seconds / 3600);
	for (enum lb_fleet_strategy s = 0; s < STRATEGIES; s++) {
		const __u32 *causes = result->causes[s];
		char name[64] = "transitions";

		if (!lb_fleet_has(scenario, s))
			continue;
		if (s >= TRANSITIONS)
			snprintf(name, sizeof(name), "transitions, window %u s",
				 scenario->windows[s - TRANSITIONS]);
		print_message("# %-26s %6u misrouted (%.2f %%): %u quiet, %u old, %u reused, %u "
			      "young, %u late, %u else\n",
			      s == PLAIN    ? "ring alone" :
			      s == RECORDED ? "every flow recorded" :
					      name,
			      result->lost[s], 100. * result->lost[s] / result->flows,
			      causes[QUIET], causes[OLD], causes[REUSED], causes[YOUNG],
			      causes[LATE], causes[UNEXPLAINED]);
	}
}

static const struct lb_fleet_scenario apart = {
	.name = "a change a minute, others of routes every half hour",
	.step = 5,
	.interval = 12,
	.shuffle = 360,
	.life = 720,
	.pause = 4,
	.silence = 200,
	.flows = LB_FLEET_FLOWS,
	.windows = { 60, 1800 },
};

/* Instances that are reals as well: who goes changes the ring and the routes. */
static const struct lb_fleet_scenario together = {
	.name = "both at once, every half hour",
	.step = 60,
	.interval = 30,
	.life = 60,
	.pause = 2,
	.silence = 10,
	.flows = LB_FLEET_FLOWS / 2,
	.windows = { 300, 1800 },
};

static const struct lb_fleet_scenario seldom = {
	.name = "both at once, twice a day",
	.step = 300,
	.interval = 144,
	.life = 12,
	.pause = 1,
	.silence = 3,
	.flows = LB_FLEET_FLOWS / 2,
	.windows = { 1800 },
};

/*
 * check - nothing is lost that is guaranteed to be kept, and the longest window loses
 * at most @percent of what records of every flow lose.
 */
static void check(const struct lb_fleet_scenario *scenario, __u32 percent)
{
	enum lb_fleet_strategy longest = PLAIN;
	struct lb_fleet_result result;

	lb_fleet_run(scenario, &result);
	print_result(scenario, &result);
	for (enum lb_fleet_strategy s = TRANSITIONS; s < STRATEGIES; s++) {
		assert_int_equal(result.causes[s][UNEXPLAINED], 0);
		longest = lb_fleet_has(scenario, s) ? s : longest;
	}
	assert_int_equal(result.causes[RECORDED][UNEXPLAINED], 0);
	assert_true(result.lost[RECORDED] > 1000);
	assert_true(result.lost[longest] <= result.lost[RECORDED] / 100 * percent);
}

static void no_flow_is_lost_that_is_to_be_kept(void **state)
{
	(void)state;
	check(&apart, 85);
}

static void flows_outlive_changes_of_ring_and_routes(void **state)
{
	(void)state;
	check(&together, 60);
}

static void flows_outlive_a_change_of_ring_and_routes(void **state)
{
	(void)state;
	check(&seldom, 10);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, no_flow_is_lost_that_is_to_be_kept, lb_fleet_build_rings, NULL);
	TAP_ADD(&plan, flows_outlive_changes_of_ring_and_routes, NULL, NULL);
	TAP_ADD(&plan, flows_outlive_a_change_of_ring_and_routes, NULL, NULL);
	return tap_run(&plan, "lb_flows", 0);
}
