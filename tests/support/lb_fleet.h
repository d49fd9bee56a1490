/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fleet of load balancers and the flows through it, in plain C: which real each
 * packet of a flow reaches while rings and routes change.
 *
 * A change takes a real out (drained: its flows may stay), brings one back or weighs
 * one anew. One instance hears of it a step later than the others. A change of
 * routes takes an instance away or brings it back, with an empty table, and sends
 * every flow somewhere else. Every fifth flow has the client and port that one had
 * before, and others in between did not have, so that old records are about.
 */
#ifndef TEST_LB_FLEET_H
#define TEST_LB_FLEET_H

#include <stdbool.h>

#include <linux/types.h>

#define LB_FLEET_CHANGES 1000
#define LB_FLEET_FLOWS 2000
#define LB_FLEET_WINDOWS 2

enum lb_fleet_strategy {
	PLAIN,	     /* the ring alone */
	RECORDED,    /* a table of every flow, in each instance: Katran's */
	TRANSITIONS, /* LB_TABLE_TRANSITIONS with the first window, and one for each further window */
	STRATEGIES = TRANSITIONS + LB_FLEET_WINDOWS,
};

/* Why a flow came to another real; what is not guaranteed in docs/load-balancing.md. */
enum lb_fleet_cause {
	UNEXPLAINED, /* none of the others: what is guaranteed does not hold */
	QUIET,	     /* it was silent for a window or longer, since its entry changed */
	OLD,	     /* older than a changed entry is watched */
	REUSED,	     /* it came to another instance, which may know an earlier one of its tuple */
	YOUNG,	     /* it came to another instance, and began in a window or as the ring changed */
	LATE,	     /* it came to another instance when the window was over */
	CAUSES,
};

struct lb_fleet_scenario {
	const char *name;
	__u32 step;	/* s */
	__u32 interval; /* between changes, steps, on average; likewise the others */
	__u32 shuffle;	/* between changes of routes; 0: they come with those of the ring */
	__u32 life;	/* of a flow */
	__u32 pause;	/* between packets of a flow */
	__u32 silence;	/* the same of every tenth flow */
	__u32 flows;
	__u32 windows[LB_FLEET_WINDOWS]; /* s; 0: no more */
};

struct lb_fleet_result {
	__u32 flows;  /* that began */
	__u32 routes; /* changes of routes */
	__u32 seconds;
	__u32 lost[STRATEGIES];		  /* flows that came to another real */
	__u32 causes[STRATEGIES][CAUSES]; /* and why */
};

/* lb_fleet_build_rings - those that every scenario goes through; as a cmocka setup. */
int lb_fleet_build_rings(void **state);

/* lb_fleet_has - whether @scenario has @strategy. */
bool lb_fleet_has(const struct lb_fleet_scenario *scenario, enum lb_fleet_strategy strategy);

/* lb_fleet_run - through LB_FLEET_CHANGES changes; the same every time. */
void lb_fleet_run(const struct lb_fleet_scenario *scenario, struct lb_fleet_result *ret_result);

#endif
