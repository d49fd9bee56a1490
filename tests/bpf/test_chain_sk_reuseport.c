/* SPDX-License-Identifier: GPL-2.0-only */
/* What a chain of sk_reuseport programs promises, with the datagrams and connections of real groups. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/socket.h>

#include "bpf/skip_abi.h"
#include "loader/lib/host/loopback.h"
#include "tests/support/sockrun.h"
#include "tests/support/tap.h"

#define RET "sk_reuseport_ret"
#define PICK "sk_reuseport_pick"

/* A group of datagram sockets behind a chain. */
struct group {
	struct chainrun chain;
	struct sockaddr_in address;
	int socks[2];
};

static void start(struct group *group)
{
	*group = (struct group){ .socks = { -1, -1 } };
	chainrun_start(&group->chain, &slot_engines_fused[ROOT_KIND_SK_REUSEPORT]);
}

static void serve(struct group *group, int type, unsigned int count)
{
	unsigned int i;

	sockrun_build(&group->chain);
	for (i = 0; i < count; i++) {
		group->socks[i] = slot_loopback_bind(type, group->chain.root_fd, &group->address);
		assert_true(group->socks[i] >= 0);
	}
}

static void end(struct group *group)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (group->socks[i] >= 0)
			close(group->socks[i]);
	chainrun_end(&group->chain);
}

static bool is_delivered(struct group *group)
{
	sockrun_send(&group->address);
	return sockrun_has_datagram(group->socks[0]);
}

struct answer_case {
	const char *name;
	int answer;
	bool is_delivered;
	enum root_column column;
};

static const struct answer_case answers[] = {
	{ "one_is_a_pass", SK_PASS, true, ROOT_COL_PASS },
	{ "zero_is_a_drop", SK_DROP, false, ROOT_COL_DROP },
	{ "two_is_denied", 2, false, ROOT_COL_DENIED },
	{ "a_negative_number_is_denied", -1, false, ROOT_COL_DENIED },
	{ "what_is_no_verdict_to_the_root_is_denied", 255, false, ROOT_COL_DENIED },
	{ "a_skip_without_a_grant_is_denied", SLOT_SKIP_TO(9), false, ROOT_COL_DENIED },
};

static void run_answer(void **state)
{
	const struct answer_case *c = *state;
	struct slot_counters counters;
	struct group group;

	start(&group);
	sockrun_add(&group.chain, 4, RET, c->answer);
	serve(&group, SOCK_DGRAM, 1);
	assert_int_equal(is_delivered(&group), c->is_delivered);
	counters = chainrun_counters(&group.chain);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.slots[4].verdicts[c->column], 1);
	assert_int_equal(counters.passed, c->column == ROOT_COL_PASS);
	end(&group);
}

static void an_empty_chain_leaves_the_choice_to_the_kernel(void **state)
{
	struct group group;

	(void)state;
	start(&group);
	serve(&group, SOCK_DGRAM, 1);
	assert_true(is_delivered(&group));
	assert_int_equal(chainrun_counters(&group.chain).passed, 1);
	end(&group);
}

static void twenty_slots_all_run(void **state)
{
	struct slot_counters counters;
	struct group group;
	unsigned int slot;

	(void)state;
	start(&group);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		sockrun_add(&group.chain, slot, RET, SK_PASS);
	serve(&group, SOCK_DGRAM, 1);
	assert_true(is_delivered(&group));
	counters = chainrun_counters(&group.chain);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(counters.slots[slot].verdicts[ROOT_COL_PASS], 1);
	end(&group);
}

static void the_first_drop_ends_the_chain(void **state)
{
	struct slot_counters counters;
	struct group group;

	(void)state;
	start(&group);
	sockrun_add(&group.chain, 2, RET, SK_PASS);
	sockrun_add(&group.chain, 7, RET, SK_DROP);
	sockrun_add(&group.chain, 9, RET, SK_PASS);
	serve(&group, SOCK_DGRAM, 1);
	assert_false(is_delivered(&group));
	counters = chainrun_counters(&group.chain);
	assert_int_equal(counters.slots[2].seen, 1);
	assert_int_equal(counters.slots[7].verdicts[ROOT_COL_DROP], 1);
	assert_int_equal(counters.slots[9].seen, 0);
	end(&group);
}

static void rules_are_those_of_other_chains(void **state)
{
	struct slot_counters counters;
	struct slot_state *slots;
	struct group group;

	(void)state;
	start(&group);
	sockrun_add(&group.chain, 2, RET, SK_DROP);
	sockrun_add(&group.chain, 3, RET, SK_DROP);
	sockrun_add(&group.chain, 4, RET, SLOT_SKIP_TO(8));
	sockrun_add(&group.chain, 9, RET, SK_DROP);
	sockrun_add(&group.chain, 10, RET, SK_PASS);
	slots = group.chain.state.slots;
	slots[2].rules.allow = 1U << ROOT_COL_PASS;
	slots[2].rules.denied_as = ROOT_DENIED_AS_PASS;
	slots[3].rules.continue_on |= 1U << ROOT_COL_DROP;
	slots[4].rules.allow |= ROOT_ALLOW_SKIP;
	slots[10].rules.continue_on = 0;
	serve(&group, SOCK_DGRAM, 1);
	assert_false(is_delivered(&group));
	counters = chainrun_counters(&group.chain);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_DENIED], 1);
	assert_int_equal(counters.slots[3].verdicts[ROOT_COL_DROP], 1);
	assert_int_equal(counters.slots[4].verdicts[ROOT_COL_SKIPPED], 1);
	assert_int_equal(counters.slots[9].verdicts[ROOT_COL_DROP], 1);
	assert_int_equal(counters.slots[10].seen, 0);
	end(&group);
}

static void a_slot_that_ends_every_chain_still_passes(void **state)
{
	struct slot_counters counters;
	struct group group;

	(void)state;
	start(&group);
	sockrun_add(&group.chain, 2, RET, SK_PASS);
	sockrun_add(&group.chain, 3, RET, SK_DROP);
	group.chain.state.slots[2].rules.continue_on = 0;
	serve(&group, SOCK_DGRAM, 1);
	assert_true(is_delivered(&group));
	counters = chainrun_counters(&group.chain);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_PASS], 1);
	assert_int_equal(counters.slots[3].seen, 0);
	end(&group);
}

static void a_canary_is_chosen_by_cpu(void **state)
{
	struct slot_counters counters;
	struct group group;

	(void)state;
	start(&group);
	sockrun_add(&group.chain, 2, RET, SK_PASS);
	assert_int_equal(chainrun_add_canary(&group.chain, 2, RET, "answer=0"), 0);
	group.chain.state.slots[2].canary.share_ppm = 0;
	group.chain.state.slots[2].canary.cpus = ~0ULL;
	serve(&group, SOCK_DGRAM, 1);
	assert_false(is_delivered(&group));
	counters = chainrun_counters(&group.chain);
	assert_int_equal(counters.canaries[2].verdicts[ROOT_COL_DROP], 1);
	end(&group);
}

static void a_canary_of_cpus_that_are_not_here_meets_nothing(void **state)
{
	struct group group;

	(void)state;
	start(&group);
	sockrun_add(&group.chain, 2, RET, SK_PASS);
	assert_int_equal(chainrun_add_canary(&group.chain, 2, RET, "answer=0"), 0);
	group.chain.state.slots[2].canary.share_ppm = 0;
	group.chain.state.slots[2].canary.cpus = 1ULL << 63;
	serve(&group, SOCK_DGRAM, 1);
	assert_true(is_delivered(&group));
	end(&group);
}

static void a_canary_by_flow_is_refused(void **state)
{
	struct group group;

	(void)state;
	start(&group);
	sockrun_add(&group.chain, 2, RET, SK_PASS);
	assert_int_equal(chainrun_add_canary(&group.chain, 2, RET, "answer=0"), 0);
	assert_int_equal(chainrun_build(&group.chain), -EINVAL);
	end(&group);
}

/* One after the other: each slot's own map has one of the two sockets. */
static void check_last_selection(unsigned int first, unsigned int second)
{
	struct group group;

	start(&group);
	assert_int_equal(chainrun_add(&group.chain, first, PICK, "index=0"), 0);
	assert_int_equal(chainrun_add(&group.chain, second, PICK, "index=1"), 0);
	serve(&group, SOCK_DGRAM, 2);
	sockrun_put(&group.chain, first, "pick_socks", 0, group.socks[0]);
	sockrun_put(&group.chain, second, "pick_socks", 1, group.socks[1]);
	sockrun_send(&group.address);
	assert_int_equal(sockrun_has_datagram(group.socks[0]), second < first);
	assert_int_equal(sockrun_has_datagram(group.socks[1]), second > first);
	end(&group);
}

static void the_last_selection_wins(void **state)
{
	(void)state;
	check_last_selection(3, 8);
	check_last_selection(8, 3);
}

static void a_selection_of_a_chain_that_drops_means_nothing(void **state)
{
	struct group group;

	(void)state;
	start(&group);
	assert_int_equal(chainrun_add(&group.chain, 3, PICK, "index=0"), 0);
	sockrun_add(&group.chain, 4, RET, SK_DROP);
	serve(&group, SOCK_DGRAM, 1);
	sockrun_put(&group.chain, 3, "pick_socks", 0, group.socks[0]);
	assert_false(is_delivered(&group));
	end(&group);
}

/* As it was queued: nobody has accepted it yet. */
static void a_connection_that_loses_its_listener_migrates(void **state)
{
	struct slot_counters counters;
	struct group group;
	int accepted = -1;
	int client = -1;

	(void)state;
	start(&group);
	assert_int_equal(chainrun_add(&group.chain, 3, PICK, "index=0 migrate=1"), 0);
	sockrun_add(&group.chain, 4, RET, SK_PASS);
	serve(&group, SOCK_STREAM, 2);
	sockrun_put(&group.chain, 3, "pick_socks", 0, group.socks[0]);
	sockrun_put(&group.chain, 3, "pick_socks", 1, group.socks[1]);
	assert_true(sockrun_connect(&group.address, &client));
	assert_int_equal(slot_loopback_await(group.socks[0], 1000), 0);
	close(group.socks[0]);
	group.socks[0] = -1;
	assert_int_equal(slot_loopback_await(group.socks[1], 1000), 0);
	accepted = accept(group.socks[1], NULL, NULL);
	assert_true(accepted >= 0);
	assert_int_equal(send(client, "", 1, 0), 1);
	assert_int_equal(slot_loopback_await(accepted, 1000), 0);
	counters = chainrun_counters(&group.chain);
	assert_int_equal(counters.packets, 2);
	assert_int_equal(counters.passed, 2);
	close(accepted);
	close(client);
	end(&group);
}

static void a_refused_connection_is_told_so(void **state)
{
	struct group group;
	int client = -1;

	(void)state;
	start(&group);
	sockrun_add(&group.chain, 4, RET, SK_DROP);
	serve(&group, SOCK_STREAM, 1);
	assert_false(sockrun_connect(&group.address, &client));
	assert_int_equal(chainrun_counters(&group.chain).slots[4].verdicts[ROOT_COL_DROP], 1);
	end(&group);
}

static void tail_calls_lead_where_they_lead_alone(void **state)
{
	struct group group;

	(void)state;
	start(&group);
	assert_int_equal(chainrun_add(&group.chain, 4, "sk_reuseport_jump", NULL), 0);
	serve(&group, SOCK_DGRAM, 1);
	assert_false(is_delivered(&group));
	assert_int_equal(chainrun_counters(&group.chain).slots[4].verdicts[ROOT_COL_DROP], 1);
	end(&group);
}

#define PROCESSES 4
#define DATAGRAMS 5000

/* Counted where packets arrive, in softirq on each CPU at once; none may be lost or counted twice. */
static void counters_are_exact_under_load(void **state)
{
	struct slot_counters counters;
	struct group group;

	(void)state;
	start(&group);
	sockrun_add(&group.chain, 2, RET, SK_PASS);
	sockrun_add(&group.chain, 5, RET, SK_DROP);
	sockrun_add(&group.chain, 6, RET, SK_DROP);
	group.chain.state.slots[5].rules.continue_on |= 1U << ROOT_COL_DROP;
	serve(&group, SOCK_DGRAM, 1);
	sockrun_send_many(&group.address, PROCESSES, DATAGRAMS);
	counters = chainrun_counters(&group.chain);
	assert_int_equal(counters.packets, PROCESSES * DATAGRAMS);
	assert_int_equal(counters.slots[5].verdicts[ROOT_COL_DROP], PROCESSES * DATAGRAMS);
	assert_int_equal(counters.slots[6].verdicts[ROOT_COL_DROP], PROCESSES * DATAGRAMS);
	end(&group);
}

#define ADD(test) TAP_ADD(&plan, test, NULL, NULL)

int main(void)
{
	struct tap_plan plan = {};

	if (!geteuid())
		sockrun_enter();
	TAP_ADD_TABLE(&plan, run_answer, answers);
	ADD(an_empty_chain_leaves_the_choice_to_the_kernel);
	ADD(twenty_slots_all_run);
	ADD(the_first_drop_ends_the_chain);
	ADD(rules_are_those_of_other_chains);
	ADD(a_slot_that_ends_every_chain_still_passes);
	ADD(a_canary_is_chosen_by_cpu);
	ADD(a_canary_of_cpus_that_are_not_here_meets_nothing);
	ADD(a_canary_by_flow_is_refused);
	ADD(the_last_selection_wins);
	ADD(a_selection_of_a_chain_that_drops_means_nothing);
	ADD(a_connection_that_loses_its_listener_migrates);
	ADD(a_refused_connection_is_told_so);
	ADD(tail_calls_lead_where_they_lead_alone);
	ADD(counters_are_exact_under_load);
	return tap_run(&plan, "chain_sk_reuseport", 1);
}
