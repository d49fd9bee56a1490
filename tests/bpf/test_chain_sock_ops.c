/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a chain of sock_ops programs promises, with the connections of this process, which is
 * in a cgroup of its own meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <bpf/bpf.h>

#include "loader/lib/host/loopback.h"
#include "loader/lib/host/trial_cgroup.h"
#include "tests/support/sockrun.h"
#include "tests/support/tap.h"

#define RET "sock_ops_ret"
#define MARK "sock_ops_mark"
#define OPTION "sock_ops_option"

static struct slot_trial_cgroup cgroup;
static struct slot_reason refused; /* why there is no cgroup */

/* A chain that the cgroup runs, and a listener. */
struct host {
	struct chainrun chain;
	int link_fd;
	int listener;
	struct sockaddr_in address;
};

static void start(struct host *host)
{
	if (refused.text[0]) {
		print_message("# SKIP %s\n", refused.text);
		skip();
	}
	*host = (struct host){ .link_fd = -1, .listener = -1 };
	chainrun_start(&host->chain, &slot_engines_fused[ROOT_KIND_SOCK_OPS]);
	/* Before anything is attached: the chain meets connections alone. */
	host->listener = slot_loopback_bind(SOCK_STREAM, -1, &host->address);
	assert_true(host->listener >= 0);
}

static void serve(struct host *host)
{
	int fd = open(cgroup.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	sockrun_build(&host->chain);
	host->link_fd = bpf_link_create(host->chain.root_fd, fd, BPF_CGROUP_SOCK_OPS, NULL);
	assert_true(host->link_fd >= 0);
	close(fd);
}

static void end(struct host *host)
{
	if (host->link_fd >= 0)
		close(host->link_fd);
	if (host->listener >= 0)
		close(host->listener);
	chainrun_end(&host->chain);
}

/* A connection, established at both ends. */
static void connect_host(struct host *host, int *ret_client, int *ret_server)
{
	assert_true(sockrun_connect(&host->address, ret_client));
	assert_int_equal(slot_loopback_await(host->listener, 1000), 0);
	*ret_server = accept(host->listener, NULL, NULL);
	assert_true(*ret_server >= 0);
}

static void talk(struct host *host)
{
	int client, server;

	connect_host(host, &client, &server);
	close(client);
	close(server);
}

static void check_answer(int answer, bool is_allowed, enum root_column column)
{
	struct slot_counters counters;
	struct host host;

	start(&host);
	sockrun_add(&host.chain, 4, RET, answer);
	if (!is_allowed)
		host.chain.state.slots[4].rules.allow = 1U << ROOT_COL_PASS;
	serve(&host);
	talk(&host);
	counters = chainrun_counters(&host.chain);
	/* Both ends' windows and timeouts are asked about, and both are told of the connection. */
	assert_true(counters.packets >= 4);
	assert_int_equal(counters.slots[4].verdicts[column], counters.packets);
	assert_int_equal(counters.passed, column == ROOT_COL_PASS ? counters.packets : 0);
	end(&host);
}

static void one_is_a_pass(void **state)
{
	(void)state;
	check_answer(SK_PASS, true, ROOT_COL_PASS);
}

/* It ends the chain and what was replied does not count; the connection is not touched. */
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

static void an_empty_chain_passes(void **state)
{
	struct slot_counters counters;
	struct host host;

	(void)state;
	start(&host);
	serve(&host);
	talk(&host);
	counters = chainrun_counters(&host.chain);
	assert_true(counters.packets >= 4);
	assert_int_equal(counters.passed, counters.packets);
	end(&host);
}

static void twenty_slots_all_run(void **state)
{
	struct slot_counters counters;
	struct host host;
	unsigned int slot;

	(void)state;
	start(&host);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		sockrun_add(&host.chain, slot, RET, SK_PASS);
	serve(&host);
	talk(&host);
	counters = chainrun_counters(&host.chain);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(counters.slots[slot].verdicts[ROOT_COL_PASS], counters.packets);
	end(&host);
}

static void mark(struct host *host, unsigned int slot, unsigned int digit)
{
	char settings[32];

	snprintf(settings, sizeof(settings), "digit=%u", digit);
	assert_int_equal(chainrun_add(&host->chain, slot, MARK, settings), 0);
}

static __u32 get_mark(int fd)
{
	socklen_t len = sizeof(__u32);
	__u32 value = 0;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MARK, &value, &len), 0);
	return value;
}

/* Each with a storage of its own at the socket. */
static void slots_run_in_the_order_of_their_numbers(void **state)
{
	struct host host;
	int client, server;

	(void)state;
	start(&host);
	mark(&host, 12, 4);
	mark(&host, 0, 1);
	mark(&host, 19, 5);
	mark(&host, 3, 2);
	mark(&host, 4, 3);
	serve(&host);
	connect_host(&host, &client, &server);
	assert_int_equal(get_mark(client), 0x12345);
	assert_int_equal(get_mark(server), 0);
	close(client);
	close(server);
	end(&host);
}

static void a_drop_ends_the_chain_unless_continue_on_has_it(void **state)
{
	struct slot_counters counters;
	struct host host;
	int client, server;

	(void)state;
	start(&host);
	mark(&host, 1, 1);
	sockrun_add(&host.chain, 2, RET, SK_DROP);
	mark(&host, 3, 2);
	sockrun_add(&host.chain, 7, RET, SK_DROP);
	mark(&host, 9, 3);
	host.chain.state.slots[2].rules.continue_on |= 1U << ROOT_COL_DROP;
	serve(&host);
	connect_host(&host, &client, &server);
	assert_int_equal(get_mark(client), 0x12);
	counters = chainrun_counters(&host.chain);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_DROP], counters.packets);
	assert_int_equal(counters.slots[7].verdicts[ROOT_COL_DROP], counters.packets);
	assert_int_equal(counters.slots[9].seen, 0);
	close(client);
	close(server);
	end(&host);
}

static void a_slot_that_ends_every_chain_still_passes(void **state)
{
	struct slot_counters counters;
	struct host host;

	(void)state;
	start(&host);
	sockrun_add(&host.chain, 2, RET, SK_PASS);
	sockrun_add(&host.chain, 3, RET, SK_DROP);
	host.chain.state.slots[2].rules.continue_on = 0;
	serve(&host);
	talk(&host);
	counters = chainrun_counters(&host.chain);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_PASS], counters.packets);
	assert_int_equal(counters.slots[3].seen, 0);
	end(&host);
}

static void a_canary_is_chosen_by_cpu(void **state)
{
	struct slot_counters counters;
	struct host host;

	(void)state;
	start(&host);
	sockrun_add(&host.chain, 2, RET, SK_PASS);
	assert_int_equal(chainrun_add_canary(&host.chain, 2, RET, "answer=0"), 0);
	host.chain.state.slots[2].canary.share_ppm = 0;
	host.chain.state.slots[2].canary.cpus = ~0ULL;
	serve(&host);
	talk(&host);
	counters = chainrun_counters(&host.chain);
	assert_int_equal(counters.canaries[2].verdicts[ROOT_COL_DROP], counters.packets);
	end(&host);
}

static void add_option(struct host *host, unsigned int slot, unsigned int kind)
{
	char settings[48];

	snprintf(settings, sizeof(settings), "port=%u kind=%u", ntohs(host->address.sin_port),
		 kind);
	assert_int_equal(chainrun_add(&host->chain, slot, OPTION, settings), 0);
}

/* The program's counters, the variables in .bss: written, read. */
static void get_options(const struct host *host, unsigned int slot, __u64 ret_counts[2])
{
	__u32 key = 0;

	assert_int_equal(bpf_map_lookup_elem(sockrun_map(&host->chain, slot, "sock_ops.bss"), &key,
					     ret_counts),
			 0);
}

/* Two slots that each reserve room in the header, write into it and read it at the other end. */
static void header_options_of_several_slots_stand_side_by_side(void **state)
{
	static const unsigned int slots[] = { 3, 8 };
	struct host host;
	int client, server;
	size_t i;

	(void)state;
	start(&host);
	/* The port is known; the listener has to be told of the programs when it begins. */
	close(host.listener);
	add_option(&host, 3, 253);
	add_option(&host, 8, 254);
	serve(&host);
	host.listener = slot_loopback_bind(SOCK_STREAM, -1, &host.address);
	assert_true(host.listener >= 0);
	connect_host(&host, &client, &server);
	assert_int_equal(send(client, "", 1, 0), 1);
	assert_int_equal(slot_loopback_await(server, 1000), 0);
	for (i = 0; i < 2; i++) {
		__u64 counts[2] = { 0 };

		get_options(&host, slots[i], counts);
		assert_true(counts[0] >= 3);
		assert_true(counts[1] >= 1);
	}
	close(client);
	close(server);
	end(&host);
}

static __u32 get_map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	assert_int_equal(bpf_map_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

/* A connection that one version has marked is marked for the next one. */
static void storage_of_sockets_outlives_a_version(void **state)
{
	struct host first, second;
	char maps[256];

	(void)state;
	start(&first);
	snprintf(maps, sizeof(maps), "%s/maps", first.chain.dir);
	first.chain.build.stage_dir = maps;
	mark(&first, 3, 1);
	sockrun_build(&first.chain);
	start(&second);
	second.chain.build.map_dir = maps;
	mark(&second, 3, 2);
	sockrun_build(&second.chain);
	assert_int_equal(get_map_id(sockrun_map(&first.chain, 3, "mark_done")),
			 get_map_id(sockrun_map(&second.chain, 3, "mark_done")));
	end(&second);
	end(&first);
}

#define PROCESSES 4
#define CONNECTIONS 200

static void connect_many(struct host *host)
{
	unsigned int i;
	int client;

	for (i = 0; i < CONNECTIONS; i++) {
		if (!sockrun_connect(&host->address, &client))
			_exit(1);
		close(client);
	}
	_exit(0);
}

static void accept_all(int listener, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		int fd;

		assert_int_equal(slot_loopback_await(listener, 5000), 0);
		fd = accept(listener, NULL, NULL);
		assert_true(fd >= 0);
		close(fd);
	}
}

/* Asked by processes and, in the middle of that, where packets arrive: two slots must agree. */
static void counters_are_exact_under_load(void **state)
{
	struct slot_counters counters;
	struct host host;
	unsigned int i;
	int status;

	(void)state;
	start(&host);
	sockrun_add(&host.chain, 2, RET, SK_DROP);
	sockrun_add(&host.chain, 5, RET, SK_DROP);
	host.chain.state.slots[2].rules.continue_on |= 1U << ROOT_COL_DROP;
	serve(&host);
	for (i = 0; i < PROCESSES; i++)
		if (!fork())
			connect_many(&host);
	accept_all(host.listener, PROCESSES * CONNECTIONS);
	for (i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	counters = chainrun_counters(&host.chain);
	assert_true(counters.packets >= 4 * PROCESSES * CONNECTIONS);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_DROP], counters.packets);
	assert_int_equal(counters.slots[5].verdicts[ROOT_COL_DROP], counters.packets);
	end(&host);
}

static int enter_group(void **state)
{
	int err = slot_trial_cgroup_add(&refused, &cgroup);

	(void)state;
	if (!err && slot_trial_cgroup_enter(&cgroup))
		slot_reason_set(&refused, 0, "cannot enter the cgroup '%s'", cgroup.path);
	return 0;
}

/* Back to the one above it, where this process came from. */
static int leave_group(void **state)
{
	struct slot_trial_cgroup above = cgroup;
	char *slash = strrchr(above.path, '/');

	(void)state;
	if (!slash)
		return 0;
	*slash = '\0';
	if (slot_trial_cgroup_enter(&above))
		return -1;
	slot_trial_cgroup_del(&cgroup);
	return 0;
}

#define ADD(test) TAP_ADD(&plan, test, enter_group, leave_group)

int main(void)
{
	struct tap_plan plan = {};

	if (!geteuid())
		sockrun_enter();
	ADD(one_is_a_pass);
	ADD(zero_is_a_drop);
	ADD(what_may_not_be_returned_is_denied);
	ADD(an_empty_chain_passes);
	ADD(twenty_slots_all_run);
	ADD(slots_run_in_the_order_of_their_numbers);
	ADD(a_drop_ends_the_chain_unless_continue_on_has_it);
	ADD(a_slot_that_ends_every_chain_still_passes);
	ADD(a_canary_is_chosen_by_cpu);
	ADD(header_options_of_several_slots_stand_side_by_side);
	ADD(storage_of_sockets_outlives_a_version);
	ADD(counters_are_exact_under_load);
	return tap_run(&plan, "chain_sock_ops", 1);
}
