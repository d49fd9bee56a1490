/* SPDX-License-Identifier: GPL-2.0-only */
/* What a chain of sk_reuseport programs alone promises: skips, migrations, refusals, tail calls. */
#include <linux/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/skip_abi.h"
#include "loader/lib/host/loopback.h"
#include "tests/support/sockbed.h"

static struct sockbed bed;

static int set_up(void **state)
{
	(void)state;
	sockbed_start(&bed, ROOT_KIND_SK_REUSEPORT);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sockbed_end(&bed);
	return 0;
}

static void rules_are_those_of_other_chains(void **state)
{
	struct slot_state *slots = bed.chain.state.slots;
	struct slot_counters counters;

	(void)state;
	sockbed_add(&bed, 2, SK_DROP);
	sockbed_add(&bed, 3, SK_DROP);
	sockbed_add(&bed, 4, SLOT_SKIP_TO(8));
	sockbed_add(&bed, 9, SK_DROP);
	sockbed_add(&bed, 10, SK_PASS);
	slots[2].rules.allow = 1U << ROOT_COL_PASS;
	slots[2].rules.denied_as = ROOT_DENIED_AS_PASS;
	slots[3].rules.continue_on |= 1U << ROOT_COL_DROP;
	slots[4].rules.allow |= ROOT_ALLOW_SKIP;
	slots[10].rules.continue_on = 0;
	sockbed_serve(&bed, SOCK_DGRAM, 1);
	assert_int_equal(sockbed_ask(&bed), -1);
	counters = chainrun_counters(&bed.chain);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_DENIED], 1);
	assert_int_equal(counters.slots[3].verdicts[ROOT_COL_DROP], 1);
	assert_int_equal(counters.slots[4].verdicts[ROOT_COL_SKIPPED], 1);
	assert_int_equal(counters.slots[9].verdicts[ROOT_COL_DROP], 1);
	assert_int_equal(counters.slots[10].seen, 0);
}

/* As it was queued: nobody has accepted it yet. */
static void a_connection_that_loses_its_listener_migrates(void **state)
{
	struct slot_counters counters;

	(void)state;
	assert_int_equal(chainrun_add(&bed.chain, 3, "sk_reuseport_pick", "index=0 migrate=1"), 0);
	sockbed_add(&bed, 4, SK_PASS);
	sockbed_serve(&bed, SOCK_STREAM, 2);
	for (unsigned int i = 0; i < 2; i++)
		sockrun_put(&bed.chain, 3, "pick_socks", i, bed.socks[i]);
	assert_true(sockrun_connect(&bed.address, &bed.client));
	assert_int_equal(slot_loopback_await(bed.socks[0], 1000), 0);
	close(bed.socks[0]);
	bed.socks[0] = -1;
	assert_int_equal(slot_loopback_await(bed.socks[1], 1000), 0);
	bed.server = accept(bed.socks[1], NULL, NULL);
	assert_true(bed.server >= 0);
	assert_int_equal(send(bed.client, "", 1, 0), 1);
	assert_int_equal(slot_loopback_await(bed.server, 1000), 0);
	counters = chainrun_counters(&bed.chain);
	assert_int_equal(counters.packets, 2);
	assert_int_equal(counters.passed, 2);
}

static void a_refused_connection_is_told_so(void **state)
{
	(void)state;
	sockbed_add(&bed, 4, SK_DROP);
	sockbed_serve(&bed, SOCK_STREAM, 1);
	assert_int_equal(sockbed_ask(&bed), -1);
	assert_int_equal(chainrun_counters(&bed.chain).slots[4].verdicts[ROOT_COL_DROP], 1);
}

static void tail_calls_lead_where_they_lead_alone(void **state)
{
	(void)state;
	assert_int_equal(chainrun_add(&bed.chain, 4, "sk_reuseport_jump", NULL), 0);
	sockbed_serve(&bed, SOCK_DGRAM, 1);
	assert_int_equal(sockbed_ask(&bed), -1);
	assert_int_equal(chainrun_counters(&bed.chain).slots[4].verdicts[ROOT_COL_DROP], 1);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, rules_are_those_of_other_chains, set_up, tear_down);
	TAP_ADD(&plan, a_connection_that_loses_its_listener_migrates, set_up, tear_down);
	TAP_ADD(&plan, a_refused_connection_is_told_so, set_up, tear_down);
	TAP_ADD(&plan, tail_calls_lead_where_they_lead_alone, set_up, tear_down);
	return sockbed_run(&plan, "chain_sk_reuseport");
}
