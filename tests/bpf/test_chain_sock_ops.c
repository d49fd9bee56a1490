/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a chain of sock_ops programs alone promises: the order of what they do to sockets, options in
 * headers, storage of sockets.
 */
#include <stdio.h>

#include <linux/bpf.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/lib/host/loopback.h"
#include "tests/support/sockbed.h"

#define MARK "sock_ops_mark"
#define OPTION "sock_ops_option"

static void start(struct sockbed *host)
{
	sockbed_start(host, ROOT_KIND_SOCK_OPS);
}

static void mark(struct sockbed *host, unsigned int slot, unsigned int digit)
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
	struct sockbed host;

	(void)state;
	start(&host);
	mark(&host, 12, 4);
	mark(&host, 0, 1);
	mark(&host, 19, 5);
	mark(&host, 3, 2);
	mark(&host, 4, 3);
	sockbed_serve(&host, SOCK_STREAM, 1);
	assert_int_equal(sockbed_ask(&host), 0);
	assert_int_equal(get_mark(host.client), 0x12345);
	assert_int_equal(get_mark(host.server), 0);
	sockbed_end(&host);
}

static void add_option(struct sockbed *host, unsigned int slot, unsigned int kind)
{
	char settings[48];

	snprintf(settings, sizeof(settings), "port=%u kind=%u", ntohs(host->address.sin_port),
		 kind);
	assert_int_equal(chainrun_add(&host->chain, slot, OPTION, settings), 0);
}

/* The program's counters, the variables in .bss: written, read. */
static void get_options(const struct sockbed *host, unsigned int slot, __u64 ret_counts[2])
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
	struct sockbed host;
	size_t i;

	(void)state;
	start(&host);
	/* The port has to be known; the listener has to be told of the programs when it begins. */
	close(slot_loopback_bind(SOCK_STREAM, -1, &host.address));
	add_option(&host, 3, 253);
	add_option(&host, 8, 254);
	sockbed_serve(&host, SOCK_STREAM, 0);
	host.socks[0] = slot_loopback_bind(SOCK_STREAM, -1, &host.address);
	assert_int_equal(sockbed_ask(&host), 0);
	assert_int_equal(send(host.client, "", 1, 0), 1);
	assert_int_equal(slot_loopback_await(host.server, 1000), 0);
	for (i = 0; i < 2; i++) {
		__u64 counts[2] = { 0 };

		get_options(&host, slots[i], counts);
		assert_true(counts[0] >= 3);
		assert_true(counts[1] >= 1);
	}
	sockbed_end(&host);
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
	struct sockbed first, second;
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
	sockbed_end(&second);
	sockbed_end(&first);
}

#define PROCESSES 4
#define CONNECTIONS 200

static void connect_many(struct sockbed *host)
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
	struct sockbed host;
	unsigned int i;
	int status;

	(void)state;
	start(&host);
	sockbed_add(&host, 2, SK_DROP);
	sockbed_add(&host, 5, SK_DROP);
	host.chain.state.slots[2].rules.continue_on |= 1U << ROOT_COL_DROP;
	sockbed_serve(&host, SOCK_STREAM, 1);
	for (i = 0; i < PROCESSES; i++)
		if (!fork())
			connect_many(&host);
	accept_all(host.socks[0], PROCESSES * CONNECTIONS);
	for (i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	counters = chainrun_counters(&host.chain);
	assert_true(counters.packets >= 4 * PROCESSES * CONNECTIONS);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_DROP], counters.packets);
	assert_int_equal(counters.slots[5].verdicts[ROOT_COL_DROP], counters.packets);
	sockbed_end(&host);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, slots_run_in_the_order_of_their_numbers, NULL, NULL);
	TAP_ADD(&plan, header_options_of_several_slots_stand_side_by_side, NULL, NULL);
	TAP_ADD(&plan, storage_of_sockets_outlives_a_version, NULL, NULL);
	TAP_ADD(&plan, counters_are_exact_under_load, NULL, NULL);
	return sockbed_run(&plan, "chain_sock_ops");
}
