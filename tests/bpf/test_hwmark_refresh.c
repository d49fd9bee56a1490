/* SPDX-License-Identifier: GPL-2.0-only */
/* hwmark: each flow goes on now and then, so that the load balancer keeps knowing it. */
#include <time.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/hwmark_case.h"
#include "tests/support/tap.h"

#define MARK 4711
#define TCP_FLOWS 60000U
#define TCP4 0 /* of hwmark_case_kinds */
#define UDP4 1
#define FLOWS 4
#define REFRESH 8
#define TURNING 2 /* `refresh` of many flows' mark */
#define DEADLINE 30

static struct hwmark_case hc;

static int open_case(enum hwmark_mode mode, __u32 refresh)
{
	hwmark_case_open(&hc);
	hc.config.mode = mode;
	hc.config.refresh = refresh;
	hwmark_case_load(&hc);
	return 0;
}

static int open_flow(void **state)
{
	(void)state;
	return open_case(HWMARK_FLOW, REFRESH);
}

static int open_destination(void **state)
{
	(void)state;
	return open_case(HWMARK_DESTINATION, TURNING);
}

static int open_never(void **state)
{
	(void)state;
	return open_case(HWMARK_FLOW, 0);
}

static int open_destination_never(void **state)
{
	(void)state;
	return open_case(HWMARK_DESTINATION, 0);
}

static int close_case(void **state)
{
	(void)state;
	hwmark_case_close(&hc);
	return 0;
}

static struct hwmark_case_packet make_spec(unsigned int flow)
{
	return (struct hwmark_case_packet){ .client = "198.18.0.1",
					    .sport = (__u16)(1 + flow),
					    .dport = 53 };
}

/* 2^30 ns. */
static __u32 get_second(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	return (__u32)(((__u64)now.tv_sec * 1000000000 + (__u64)now.tv_nsec) >> 30);
}

/* Whether one packet of @flow goes on. */
static bool is_passed(unsigned int flow)
{
	struct hwmark_case_packet spec = make_spec(flow);
	static struct packet packet;
	struct progrun out;

	hwmark_case_build(&hwmark_case_kinds[UDP4], &spec, &packet);
	hwmark_case_run(&hc, MARK, &packet, &out);
	return out.verdict == XDP_PASS;
}

static void write_entry(__u32 refreshed)
{
	struct hwmark_case_packet spec = make_spec(0);
	struct hwmark_entry entry = hwmark_case_entry(&hc, &hwmark_case_kinds[UDP4], &spec);

	entry.refreshed = refreshed;
	hwmark_case_mark(&hc, MARK, &entry);
}

static __u32 read_refreshed(void)
{
	int fd = bpf_object__find_map_fd_by_name(hc.object, HWMARK_ENTRIES_NAME);
	struct hwmark_entry entry;
	__u32 mark = MARK;

	assert_int_equal(bpf_map_lookup_elem(fd, &mark, &entry), 0);
	return entry.refreshed;
}

/* However few packets there were: one of the next second is the first one after many. */
static void a_flow_goes_on_once_in_so_many_seconds(void **state)
{
	__u32 second;

	(void)state;
	second = get_second();
	write_entry(second - REFRESH);
	assert_true(is_passed(0));
	assert_in_range(read_refreshed(), second, second + 1);
	for (int i = 0; i < 1000; i++)
		assert_false(is_passed(0));
	assert_int_equal(hwmark_case_count(&hc, HWMARK_REFRESH), 1);
	write_entry(get_second() - REFRESH + 3);
	assert_false(is_passed(0));
	/* The seconds come to their end as well. */
	write_entry(get_second() + 1);
	assert_true(is_passed(0));
}

static void without_the_setting_no_packet_goes_on(void **state)
{
	(void)state;
	write_entry(0);
	for (int i = 0; i < 1000; i++)
		assert_false(is_passed(0));
}

/* Of TCP, which nothing but others' need of its place makes the flow table forget. */
static void of_tcp_few_packets_of_a_mark_of_many_flows_go_on(void **state)
{
	const struct hwmark_case_kind *kind = &hwmark_case_kinds[TCP4];
	struct hwmark_case_packet spec = { .client = "198.18.0.1", .dport = 80, .tcp_flags = 0x10 };
	struct hwmark_entry entry;
	unsigned int passed = 0;
	struct packet packet;
	struct progrun out;

	(void)state;
	for (__u32 i = 1; i <= TCP_FLOWS; i++) {
		spec.sport = (__u16)i;
		if (i == 1) {
			entry = hwmark_case_entry(&hc, kind, &spec);
			hwmark_case_mark(&hc, MARK, &entry);
		}
		hwmark_case_build(kind, &spec, &packet);
		hwmark_case_run(&hc, MARK, &packet, &out);
		passed += out.verdict == XDP_PASS;
	}
	assert_in_range(passed, TCP_FLOWS / 8192, TCP_FLOWS / 1024);
}

static bool are_all(const unsigned int *numbers)
{
	for (unsigned int i = 0; i < FLOWS; i++)
		if (!numbers[i])
			return false;
	return true;
}

/* For two rounds at least, and longer where few packets fit a turn. */
static void of_a_mark_of_many_flows_each_has_its_turn(void **state)
{
	unsigned int passed[FLOWS] = {}, sent = 0, sum = 0;
	__u32 start = get_second(), second = start;

	(void)state;
	write_entry(0);
	while (second - start < 2 * TURNING || (!are_all(passed) && second - start < DEADLINE)) {
		for (unsigned int i = 0; i < FLOWS; i++)
			passed[i] += is_passed(i);
		sent += FLOWS;
		second = get_second();
	}
	for (unsigned int i = 0; i < FLOWS; i++) {
		assert_true(passed[i] > 0);
		sum += passed[i];
	}
	assert_in_range(sum, sent / 128, sent / 8);
}

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	TAP_ADD(&plan, a_flow_goes_on_once_in_so_many_seconds, open_flow, close_case);
	TAP_ADD(&plan, without_the_setting_no_packet_goes_on, open_never, close_case);
	TAP_ADD(&plan, of_a_mark_of_many_flows_each_has_its_turn, open_destination, close_case);
	TAP_ADD(&plan, of_tcp_few_packets_of_a_mark_of_many_flows_go_on, open_destination,
		close_case);
	TAP_ADD(&plan, without_the_setting_no_packet_goes_on, open_destination_never, close_case);
	return tap_run(&plan, "hwmark_refresh", 1);
}
