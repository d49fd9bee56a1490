/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/firewall_case.h"

#include <string.h>

#include <bpf/libbpf.h>

#include "programs/shared/counts.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

const struct packet_ip4 firewall_ip4 = { .src = "203.0.113.7", .dst = "192.0.2.1" };
const struct packet_ip6 firewall_ip6 = { .src = "2001:db8:1::7", .dst = "2001:db8::1" };

void firewall_finish4(struct packet *p)
{
	packet_ip4(p, &firewall_ip4);
	packet_eth(p);
}

void firewall_finish6(struct packet *p)
{
	packet_ip6(p, &firewall_ip6);
	packet_eth(p);
}

static void start_tcp(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 40000, 80, 2);
}

void firewall_tcp4(struct packet *p)
{
	start_tcp(p);
	firewall_finish4(p);
}

void firewall_tcp6(struct packet *p)
{
	start_tcp(p);
	firewall_finish6(p);
}

struct bpf_object *firewall_case_open(const struct firewall_config *config)
{
	struct bpf_object *object = progrun_open("bpf/firewall.bpf.o");

	assert_non_null(object);
	if (config)
		assert_int_equal(progrun_set(object, "firewall.rodata", config, sizeof(*config)),
				 0);
	return object;
}

static int map_fd(struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	assert_true(fd >= 0);
	return fd;
}

struct firewall firewall_case_maps(struct bpf_object *object)
{
	return (struct firewall){
		.fds = {
			[FIREWALL_KIND_SOURCE4] = map_fd(object, FIREWALL_SOURCES4_NAME),
			[FIREWALL_KIND_SOURCE6] = map_fd(object, FIREWALL_SOURCES6_NAME),
			[FIREWALL_KIND_PORT] = map_fd(object, FIREWALL_PORTS_NAME),
		},
		.lock_fd = -1,
	};
}

void firewall_case_set_rules(const struct firewall *firewall, const char *rules)
{
	struct firewall_rules current = {}, wanted = {};
	struct firewall_change change = {};
	struct slot_reasons errors = {};
	struct slot_reason why = {};

	assert_int_equal(firewall_rules_parse("case", rules, strlen(rules), &errors, &wanted), 0);
	assert_int_equal(firewall_get(firewall, &why, &current), 0);
	assert_int_equal(firewall_rules_diff(&current, &wanted, &change), 0);
	assert_int_equal(firewall_apply(firewall, &change, &why), 0);
	firewall_change_free(&change);
	firewall_rules_free(&current);
	firewall_rules_free(&wanted);
}

static void get_counts(struct bpf_object *object, struct slot_count counts[FIREWALL_COUNTS_SIZE])
{
	struct slot_reason why = {};

	assert_int_equal(program_counts_get(map_fd(object, FIREWALL_COUNTS_NAME),
					    FIREWALL_COUNTS_SIZE, &why, counts),
			 0);
}

__u64 firewall_case_count(struct bpf_object *object, enum firewall_counter counter)
{
	struct slot_count counts[FIREWALL_COUNTS_SIZE];

	get_counts(object, counts);
	return counts[counter].packets;
}

static void assert_counted_once(struct bpf_object *object, enum firewall_counter counter,
				size_t bytes)
{
	struct slot_count counts[FIREWALL_COUNTS_SIZE];
	int i;

	get_counts(object, counts);
	for (i = 0; i < FIREWALL_COUNTS_SIZE; i++) {
		if (counts[i].packets != (i == (int)counter))
			print_error("counter %d has %llu packets\n", i, counts[i].packets);
		assert_int_equal(counts[i].packets, i == (int)counter);
		assert_int_equal(counts[i].bytes, i == (int)counter ? bytes : 0);
	}
}

void firewall_case_run(void **state)
{
	const struct firewall_case *row = *state;
	struct bpf_object *object = firewall_case_open(row->config);
	struct progrun run = {};
	struct firewall maps;
	struct packet p;

	assert_int_equal(bpf_object__load(object), 0);
	maps = firewall_case_maps(object);
	if (row->rules)
		firewall_case_set_rules(&maps, row->rules);
	row->build(&p);
	assert_int_equal(progrun_packet(progrun_fd(object, "firewall"), &p, &run), 0);

	assert_counted_once(object, row->counter, p.len);
	assert_int_equal(run.verdict, row->counter < FIREWALL_FIRST_DROP ? XDP_PASS : XDP_DROP);
	assert_int_equal(run.len, p.len);
	assert_memory_equal(run.bytes, packet_bytes(&p), p.len);
	bpf_object__close(object);
}
