/* SPDX-License-Identifier: GPL-2.0-only */
/* Scenario files of tests/vectors, whose README has their format, set up in a load balancer. */
#ifndef TEST_LB_SCENARIO_H
#define TEST_LB_SCENARIO_H

#include "tests/support/lb_setup.h"

#define LB_SCENARIO_LINES 128

struct lb_scenario {
	struct lb_setup setup;
	char *text;
	char *lines[LB_SCENARIO_LINES]; /* of text, without comments and empty ones */
	unsigned int count;
	const char *path;
	char program[16];
	char settings[256];	  /* "key=value key=value", as in slots.conf */
	struct lb_setup_vip *vip; /* that lines are about */
};

/* lb_scenario_read - nothing is set up yet, but the settings are known. */
void lb_scenario_read(struct lb_scenario *scenario, const char *path);

/*
 * lb_scenario_start - set up what comes before all packets in @object, which is
 * loaded with the scenario's settings and stays the caller's. What another
 * scenario left in it goes.
 */
void lb_scenario_start(struct lb_scenario *scenario, struct bpf_object *object);

/* lb_scenario_before - what comes before the packet @name. */
void lb_scenario_before(struct lb_scenario *scenario, const char *name);

void lb_scenario_close(struct lb_scenario *scenario);

#endif
