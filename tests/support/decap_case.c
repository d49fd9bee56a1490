/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/decap_case.h"

#include <bpf/libbpf.h>

#include "programs/decap/decap.h"
#include "programs/shared/counts.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

const struct packet_ip4 decap_outer4 = { .src = "198.51.100.9", .dst = DECAP_LOCAL4 };
const struct packet_ip6 decap_outer6 = { .src = "2001:db8:9::9", .dst = DECAP_LOCAL6 };
const struct packet_ip4 decap_inner4 = { .src = "203.0.113.7", .dst = DECAP_LOCAL4, .ttl = 17 };
const struct packet_ip6 decap_inner6 = { .src = "2001:db8:7::7", .dst = DECAP_LOCAL6 };

void decap_start4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 40000, 80, 2);
	packet_ip4(p, &decap_inner4);
}

void decap_start6(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 53);
	packet_ip6(p, &decap_inner6);
}

void decap_finish4(struct packet *p)
{
	packet_ip4(p, &decap_outer4);
	packet_eth(p);
}

void decap_finish6(struct packet *p)
{
	packet_ip6(p, &decap_outer6);
	packet_eth(p);
}

static void add_address(int map_fd, const char *text)
{
	struct slot_reason why = {};
	struct decap_address address;

	assert_int_equal(decap_address_parse(text, &why, &address), 0);
	assert_int_equal(decap_address_add(map_fd, &address, &why), 0);
}

static void assert_counted(struct bpf_object *object, int counter, size_t bytes)
{
	int fd = bpf_object__find_map_fd_by_name(object, DECAP_COUNTS_NAME);
	struct slot_count counts[DECAP_COUNTS_SIZE];
	struct slot_reason why = {};
	int i;

	assert_int_equal(program_counts_get(fd, DECAP_COUNTS_SIZE, &why, counts), 0);
	for (i = 0; i < DECAP_COUNTS_SIZE; i++) {
		if (counts[i].packets != (i == counter))
			print_error("counter %d has %llu packets\n", i, counts[i].packets);
		assert_int_equal(counts[i].packets, i == counter);
		assert_int_equal(counts[i].bytes, i == counter ? bytes : 0);
	}
}

void decap_case_load(struct bpf_object *object)
{
	int fd;

	assert_int_equal(bpf_object__load(object), 0);
	fd = bpf_object__find_map_fd_by_name(object, DECAP_ADDRESSES_NAME);
	add_address(fd, DECAP_LOCAL4);
	add_address(fd, DECAP_LOCAL6);
}

void decap_case_run(void **state)
{
	const struct decap_case *row = *state;
	struct bpf_object *object = progrun_open("bpf/decap.bpf.o");
	struct packet p, expected;
	struct progrun run = {};

	assert_non_null(object);
	if (row->config)
		assert_int_equal(
			progrun_set(object, "decap.rodata", row->config, sizeof(*row->config)), 0);
	decap_case_load(object);
	row->build(&p);
	(row->expect ? row->expect : row->build)(&expected);
	assert_int_equal(progrun_packet(progrun_fd(object, "decap"), &p, &run), 0);

	assert_counted(object, row->counter, p.len);
	assert_int_equal(run.verdict, row->counter < DECAP_FIRST_DROP ? XDP_PASS : XDP_DROP);
	assert_int_equal(run.len, expected.len);
	assert_memory_equal(run.bytes, packet_bytes(&expected), expected.len);
	bpf_object__close(object);
}
