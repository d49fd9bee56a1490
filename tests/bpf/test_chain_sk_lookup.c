/* SPDX-License-Identifier: GPL-2.0-only */
/* What a chain of sk_lookup programs promises, at the lookups of this process's own netns. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "loader/lib/host/loopback.h"
#include "tests/support/sockrun.h"
#include "tests/support/tap.h"

#define RET "sk_lookup_ret"
#define PICK "sk_lookup_pick"
#define PICK_PORT 4242 /* where nobody listens */

/* A chain that the netns runs, and two sockets. */
struct netns {
	struct chainrun chain;
	int link_fd;
	int socks[2];
	struct sockaddr_in addresses[2];
	struct sockaddr_in nobody;
};

static void start(struct netns *netns)
{
	*netns = (struct netns){ .link_fd = -1, .socks = { -1, -1 } };
	netns->nobody = (struct sockaddr_in){ .sin_family = AF_INET,
					      .sin_port = htons(PICK_PORT),
					      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	chainrun_start(&netns->chain, &slot_engines_fused[ROOT_KIND_SK_LOOKUP]);
}

static void serve(struct netns *netns, int type)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	unsigned int i;

	assert_true(fd >= 0);
	sockrun_build(&netns->chain);
	for (i = 0; i < 2; i++) {
		netns->socks[i] = slot_loopback_bind(type, -1, &netns->addresses[i]);
		assert_true(netns->socks[i] >= 0);
	}
	netns->link_fd = bpf_link_create(netns->chain.root_fd, fd, BPF_SK_LOOKUP, NULL);
	assert_true(netns->link_fd >= 0);
	close(fd);
}

static void end(struct netns *netns)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (netns->socks[i] >= 0)
			close(netns->socks[i]);
	if (netns->link_fd >= 0)
		close(netns->link_fd);
	chainrun_end(&netns->chain);
}

static bool is_delivered(struct netns *netns)
{
	sockrun_send(&netns->addresses[0]);
	return sockrun_has_datagram(netns->socks[0]);
}

/* Of a connection only the first segment is looked up so. */
static void check_answer(int answer, bool is_allowed, enum root_column column)
{
	struct slot_counters counters;
	struct netns netns;
	int client = -1;

	start(&netns);
	sockrun_add(&netns.chain, 4, RET, answer);
	if (!is_allowed)
		netns.chain.state.slots[4].rules.allow = 1U << ROOT_COL_PASS;
	serve(&netns, SOCK_STREAM);
	assert_int_equal(sockrun_connect(&netns.addresses[0], &client), column == ROOT_COL_PASS);
	counters = chainrun_counters(&netns.chain);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.slots[4].verdicts[column], 1);
	assert_int_equal(counters.passed, column == ROOT_COL_PASS);
	if (client >= 0)
		close(client);
	end(&netns);
}

static void one_is_a_pass(void **state)
{
	(void)state;
	check_answer(SK_PASS, true, ROOT_COL_PASS);
}

static void zero_is_a_drop(void **state)
{
	(void)state;
	check_answer(SK_DROP, true, ROOT_COL_DROP);
}

static void what_may_not_be_returned_is_denied(void **state)
{
	(void)state;
	check_answer(SK_DROP, false, ROOT_COL_DENIED);
}

static void an_empty_chain_leaves_lookups_alone(void **state)
{
	struct netns netns;

	(void)state;
	start(&netns);
	serve(&netns, SOCK_DGRAM);
	assert_true(is_delivered(&netns));
	assert_true(chainrun_counters(&netns.chain).passed >= 1);
	end(&netns);
}

static void twenty_slots_all_run(void **state)
{
	struct slot_counters counters;
	struct netns netns;
	unsigned int slot;

	(void)state;
	start(&netns);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		sockrun_add(&netns.chain, slot, RET, SK_PASS);
	serve(&netns, SOCK_DGRAM);
	assert_true(is_delivered(&netns));
	counters = chainrun_counters(&netns.chain);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(counters.slots[slot].verdicts[ROOT_COL_PASS], counters.packets);
	end(&netns);
}

static void a_drop_ends_the_chain_unless_continue_on_has_it(void **state)
{
	struct slot_counters counters;
	struct netns netns;
	int client = -1;

	(void)state;
	start(&netns);
	sockrun_add(&netns.chain, 2, RET, SK_DROP);
	sockrun_add(&netns.chain, 7, RET, SK_DROP);
	sockrun_add(&netns.chain, 9, RET, SK_PASS);
	netns.chain.state.slots[2].rules.continue_on |= 1U << ROOT_COL_DROP;
	serve(&netns, SOCK_STREAM);
	assert_false(sockrun_connect(&netns.addresses[0], &client));
	counters = chainrun_counters(&netns.chain);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_DROP], 1);
	assert_int_equal(counters.slots[7].verdicts[ROOT_COL_DROP], 1);
	assert_int_equal(counters.slots[9].seen, 0);
	end(&netns);
}

static void a_slot_that_ends_every_chain_still_passes(void **state)
{
	struct slot_counters counters;
	struct netns netns;
	int client = -1;

	(void)state;
	start(&netns);
	sockrun_add(&netns.chain, 2, RET, SK_PASS);
	sockrun_add(&netns.chain, 3, RET, SK_DROP);
	netns.chain.state.slots[2].rules.continue_on = 0;
	serve(&netns, SOCK_STREAM);
	assert_true(sockrun_connect(&netns.addresses[0], &client));
	counters = chainrun_counters(&netns.chain);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_PASS], 1);
	assert_int_equal(counters.slots[3].seen, 0);
	close(client);
	end(&netns);
}

static void a_canary_is_chosen_by_cpu(void **state)
{
	struct slot_counters counters;
	struct netns netns;
	int client = -1;

	(void)state;
	start(&netns);
	sockrun_add(&netns.chain, 2, RET, SK_PASS);
	assert_int_equal(chainrun_add_canary(&netns.chain, 2, RET, "answer=0"), 0);
	netns.chain.state.slots[2].canary.share_ppm = 0;
	netns.chain.state.slots[2].canary.cpus = ~0ULL;
	serve(&netns, SOCK_STREAM);
	assert_false(sockrun_connect(&netns.addresses[0], &client));
	counters = chainrun_counters(&netns.chain);
	assert_int_equal(counters.canaries[2].verdicts[ROOT_COL_DROP], 1);
	end(&netns);
}

static void pick(struct netns *netns, unsigned int slot, unsigned int index)
{
	char settings[64];

	snprintf(settings, sizeof(settings), "port=%d index=%u", PICK_PORT, index);
	assert_int_equal(chainrun_add(&netns->chain, slot, PICK, settings), 0);
}

/* Who connects sees the address that was asked for, whoever it is that answers. */
static void check_last_selection(unsigned int first, unsigned int second)
{
	unsigned int winner = second > first;
	struct netns netns;
	int client = -1;

	start(&netns);
	pick(&netns, first, 0);
	pick(&netns, second, 1);
	serve(&netns, SOCK_STREAM);
	sockrun_put(&netns.chain, first, "pick_socks", 0, netns.socks[0]);
	sockrun_put(&netns.chain, second, "pick_socks", 1, netns.socks[1]);
	assert_true(sockrun_connect(&netns.nobody, &client));
	assert_int_equal(slot_loopback_await(netns.socks[winner], 1000), 0);
	assert_int_equal(slot_loopback_await(netns.socks[!winner], 0), -ETIMEDOUT);
	close(client);
	end(&netns);
}

static void the_last_selection_wins(void **state)
{
	(void)state;
	check_last_selection(3, 8);
	check_last_selection(8, 3);
}

static void a_selection_of_a_chain_that_drops_means_nothing(void **state)
{
	struct netns netns;
	int client = -1;

	(void)state;
	start(&netns);
	pick(&netns, 3, 0);
	sockrun_add(&netns.chain, 4, RET, SK_DROP);
	serve(&netns, SOCK_STREAM);
	sockrun_put(&netns.chain, 3, "pick_socks", 0, netns.socks[0]);
	assert_false(sockrun_connect(&netns.nobody, &client));
	end(&netns);
}

#define PROCESSES 4
#define DATAGRAMS 5000

/* Lookups are made where packets arrive and, by others, in processes: none may be lost or counted twice. */
static void counters_are_exact_under_load(void **state)
{
	struct slot_counters counters;
	struct netns netns;

	(void)state;
	start(&netns);
	pick(&netns, 2, 0);
	sockrun_add(&netns.chain, 5, RET, SK_PASS);
	serve(&netns, SOCK_DGRAM);
	sockrun_put(&netns.chain, 2, "pick_socks", 0, netns.socks[0]);
	sockrun_send_many(&netns.nobody, PROCESSES, DATAGRAMS);
	counters = chainrun_counters(&netns.chain);
	/* Each process settles with a datagram of its own. */
	assert_int_equal(counters.packets, PROCESSES * (DATAGRAMS + 1));
	assert_int_equal(counters.slots[5].verdicts[ROOT_COL_PASS], PROCESSES * (DATAGRAMS + 1));
	end(&netns);
}

#define ADD(test) TAP_ADD(&plan, test, NULL, NULL)

int main(void)
{
	struct tap_plan plan = {};

	if (!geteuid())
		sockrun_enter();
	ADD(one_is_a_pass);
	ADD(zero_is_a_drop);
	ADD(what_may_not_be_returned_is_denied);
	ADD(an_empty_chain_leaves_lookups_alone);
	ADD(twenty_slots_all_run);
	ADD(a_drop_ends_the_chain_unless_continue_on_has_it);
	ADD(a_slot_that_ends_every_chain_still_passes);
	ADD(a_canary_is_chosen_by_cpu);
	ADD(the_last_selection_wins);
	ADD(a_selection_of_a_chain_that_drops_means_nothing);
	ADD(counters_are_exact_under_load);
	return tap_run(&plan, "chain_sk_lookup", 1);
}
