/* SPDX-License-Identifier: GPL-2.0-only */
/* lb in a chain with what it runs beside, on every engine that the running kernel accepts. */
#include <linux/bpf.h>

#include "tests/support/chaincase.h"

/* Where what ships is, below the build folder. */
#define SHIPPED "bpf/"

static void lb_runs_behind_firewall_and_decap(void **state)
{
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 2, SHIPPED "firewall", NULL);
	chain_add(&chain, 5, SHIPPED "decap", NULL);
	chain_add(&chain, 7, SHIPPED "lb", NULL);
	chain_add(&chain, 9, "stamp", "id=9");
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	assert_int_equal(chainrun_counters(&chain).slots[7].seen, 1);
	chainrun_end(&chain);
}

static void lb_runs_among_six_with_all_settings_on(void **state)
{
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 2, SHIPPED "firewall", "default_deny=false");
	chain_add(&chain, 5, SHIPPED "decap", NULL);
	chain_add(&chain, 7, SHIPPED "lb",
		  "too_big=true decap=true tcp_server_id=true hash=2 hwmark=flow");
	for (unsigned int slot = 9; slot < 13; slot++)
		chain_add(&chain, slot, SHIPPED "pass", NULL);
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	chainrun_end(&chain);
}

static const struct chain_case cases[] = {
	CHAIN_CASE(lb_runs_behind_firewall_and_decap),
	CHAIN_CASE(lb_runs_among_six_with_all_settings_on),
};

int main(void)
{
	return chain_cases_run("lb chain", cases, sizeof(cases) / sizeof(cases[0]));
}
