/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/lb_case.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/tap.h"

void lb_case_open(struct lb_case *lb)
{
	*lb = (struct lb_case){ .object = progrun_open("bpf/lb.bpf.o") };
	assert_non_null(lb->object);
}

void lb_case_load(struct lb_case *lb, const struct lb_config *config)
{
	struct lb_control *control = &lb->control;

	if (config)
		assert_int_equal(progrun_set(lb->object, "lb.rodata", config, sizeof(*config)), 0);
	assert_int_equal(bpf_object__load(lb->object), 0);
	memcpy(control->gateway, LB_CASE_GATEWAY, sizeof(control->gateway));
	control->gue_port = htons(9886);
	assert_int_equal(inet_pton(AF_INET, LB_CASE_SOURCE4, control->source4), 1);
	assert_int_equal(inet_pton(AF_INET6, LB_CASE_SOURCE6, control->source6), 1);
	control->new_flows_max = 125000;
	control->seed[0] = 0x0123456789abcdefULL;
	control->seed[1] = 0xfedcba9876543211ULL;
	lb_case_control(lb);
}

void lb_case_close(struct lb_case *lb)
{
	bpf_object__close(lb->object);
	lb->object = NULL;
}

int lb_case_map(const struct lb_case *lb, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(lb->object, name);

	assert_true(fd >= 0);
	return fd;
}

void lb_case_raise(const struct lb_case *lb)
{
	int fd = lb_case_map(lb, LB_GENERATION_NAME);
	__u32 zero = 0, generation;

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &generation), 0);
	generation++;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &generation, BPF_ANY), 0);
}

static void write_element(const struct lb_case *lb, const char *name, const void *key,
			  const void *value)
{
	assert_int_equal(bpf_map_update_elem(lb_case_map(lb, name), key, value, BPF_ANY), 0);
}

static void set_element(const struct lb_case *lb, const char *name, const void *key,
			const void *value)
{
	write_element(lb, name, key, value);
	lb_case_raise(lb);
}

void lb_case_control(struct lb_case *lb)
{
	__u32 zero = 0;

	set_element(lb, LB_CONTROL_NAME, &zero, &lb->control);
}

/* Returns whether @addr is an IPv6 address. */
static bool parse_address(const char *addr, __u8 ret_bytes[16])
{
	memset(ret_bytes, 0, 16);
	if (inet_pton(AF_INET, addr, ret_bytes) == 1)
		return false;
	assert_int_equal(inet_pton(AF_INET6, addr, ret_bytes), 1);
	return true;
}

void lb_case_real(const struct lb_case *lb, __u32 index, const char *addr, __u8 flags)
{
	struct lb_real real = { .flags = flags | LB_REAL_USED };

	if (parse_address(addr, real.addr))
		real.flags |= LB_REAL_IP6;
	set_element(lb, LB_REALS_NAME, &index, &real);
}

void lb_case_real_epoch(const struct lb_case *lb, __u32 index, __u8 epoch)
{
	struct lb_real real;

	assert_int_equal(bpf_map_lookup_elem(lb_case_map(lb, LB_REALS_NAME), &index, &real), 0);
	real.epoch = epoch;
	set_element(lb, LB_REALS_NAME, &index, &real);
}

static void add_vip4(const struct lb_case *lb, const struct lb_case_vip *spec, const __u8 *addr)
{
	struct lb_vip4_key key = { .port = htons(spec->port), .proto = spec->proto };
	struct lb_cidr4_key cidr = { .prefix_len = 32 + spec->prefix_len,
				     .port = htons(spec->port),
				     .proto = spec->proto };

	memcpy(&key.addr, addr, 4);
	memcpy(&cidr.addr, addr, 4);
	if (spec->prefix_len)
		set_element(lb, LB_CIDRS4_NAME, &cidr, &spec->vip);
	else
		set_element(lb, LB_VIPS4_NAME, &key, &spec->vip);
}

static void add_vip6(const struct lb_case *lb, const struct lb_case_vip *spec, const __u8 *addr)
{
	struct lb_vip6_key key = { .port = htons(spec->port), .proto = spec->proto };
	struct lb_cidr6_key cidr = { .prefix_len = 32 + spec->prefix_len,
				     .port = htons(spec->port),
				     .proto = spec->proto };

	memcpy(key.addr, addr, 16);
	memcpy(cidr.addr, addr, 16);
	if (spec->prefix_len)
		set_element(lb, LB_CIDRS6_NAME, &cidr, &spec->vip);
	else
		set_element(lb, LB_VIPS6_NAME, &key, &spec->vip);
}

void lb_case_vip(struct lb_case *lb, const struct lb_case_vip *spec)
{
	__u32 words[4], bit;
	__u8 addr[16];

	if (parse_address(spec->addr, addr))
		add_vip6(lb, spec, addr);
	else
		add_vip4(lb, spec, addr);
	/* Of an IPv4 address the other words are 0. */
	memcpy(words, addr, sizeof(words));
	bit = LB_FILTER_BIT(words[0] ^ words[1] ^ words[2] ^ words[3]);
	lb->control.filter[bit / 64] |= 1ULL << bit % 64;
	if (spec->prefix_len)
		lb->control.flags |= LB_HAS_CIDRS;
	if (!spec->port)
		lb->control.flags |= LB_HAS_ALL_PORTS;
	lb_case_control(lb);
}

void lb_case_ring(const struct lb_case *lb, __u32 number, __u32 ring, const __u32 *entries)
{
	struct lb_ring_page page;
	__u32 i, key, left;

	for (i = 0; i < LB_RING_PAGES; i++) {
		left = LB_RING_SIZE - i * LB_PAGE_ENTRIES;
		memset(&page, 0, sizeof(page));
		memcpy(page.entries, entries + (size_t)i * LB_PAGE_ENTRIES,
		       (left < LB_PAGE_ENTRIES ? left : LB_PAGE_ENTRIES) * sizeof(*entries));
		key = LB_PAGE_KEY(number, ring, i);
		write_element(lb, LB_RINGS_NAME, &key, &page);
	}
	lb_case_raise(lb);
}

void lb_case_ring_of(const struct lb_case *lb, __u32 number, __u32 entry)
{
	__u32 *entries = calloc(LB_RING_SIZE, sizeof(*entries)), i;

	assert_non_null(entries);
	for (i = 0; i < LB_RING_SIZE; i++)
		entries[i] = entry;
	lb_case_ring(lb, number, 0, entries);
	free(entries);
}

void lb_case_previous(const struct lb_case *lb, __u32 number, __u32 real)
{
	struct lb_previous_page page = {};
	__u32 i, key;

	for (i = 0; i < LB_PREVIOUS_ENTRIES; i++)
		page.entries[i].real = real;
	for (i = 0; i < LB_PREVIOUS_PAGES; i++) {
		key = LB_PREVIOUS_KEY(number, 0, i);
		write_element(lb, LB_PREVIOUS_NAME, &key, &page);
	}
}

void lb_case_run(const struct lb_case *lb, struct packet *p, struct progrun *ret_run)
{
	assert_int_equal(progrun_packet(progrun_fd(lb->object, "lb"), p, ret_run), 0);
}

__u64 lb_case_count(const struct lb_case *lb, enum lb_counter counter)
{
	int cpus = libbpf_num_possible_cpus(), i;
	struct lb_counts *counts;
	__u64 sum = 0;
	__u32 zero = 0;

	assert_true(cpus > 0);
	counts = calloc((size_t)cpus, sizeof(*counts));
	assert_non_null(counts);
	assert_int_equal(bpf_map_lookup_elem(lb_case_map(lb, LB_COUNTS_NAME), &zero, counts), 0);
	for (i = 0; i < cpus; i++)
		sum += counts[i].count[counter];
	free(counts);
	return sum;
}
