/* SPDX-License-Identifier: GPL-2.0-only */
/* tc_redirect and its commands: what is handed over, what is left, and what is counted. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/tc_redirect/tc_redirect.h"
#include "programs/shared/counts.h"
#include "programs/shared/prefix.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define LEFT ((uint32_t)TC_ACT_UNSPEC)
#define MARK 7
#define GONE_IFINDEX 4711
#define MTU 1500
#define HEAD "prefix                    device           helper       packets            bytes\n"

static struct program_bed bed;

/* In a netns of its own: a pair whose ends are both there, and a device with a small MTU. */
static int set_up(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link add near type veth peer name far && "
				"ip link set lo mtu 1500"),
			 0);
	program_bed_open(&bed, &tc_redirect_cli, progrun_open("bpf/tc_redirect.bpf.o"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	return 0;
}

/* --- packets --------------------------------------------------------------------------------- */

static void build4(struct packet *p, const char *dst)
{
	const struct packet_ip4 inner = { .src = "198.51.100.1", .dst = "203.0.113.80" };
	const struct packet_ip4 outer = { .src = "198.51.100.10", .dst = dst };

	packet_start(p, "GET / HTTP/1.0\r\n", 16);
	packet_tcp(p, 31337, 80, 2);
	packet_ip4(p, &inner);
	packet_ip4(p, &outer);
}

static void build6(struct packet *p, const char *dst)
{
	const struct packet_ip6 ip = { .src = "2001:db8::10", .dst = dst };

	packet_start(p, "hello", 5);
	packet_udp(p, 31337, 6080);
	packet_ip6(p, &ip);
}

/* To the MAC address of the loopback, on which test packets come in: 0. */
static void to_host(struct packet *p)
{
	packet_eth(p);
	memset(packet_bytes(p), 0, 6);
}

static void assert_answer(struct packet *p, uint32_t verdict)
{
	struct progrun run = {};

	assert_int_equal(progrun_skb(progrun_fd(bed.object, "tc_redirect"), p, MARK, &run), 0);
	assert_int_equal(run.verdict, verdict);
	assert_int_equal(run.mark, verdict == LEFT ? MARK : 0);
	assert_int_equal(run.len, p->len);
	assert_memory_equal(run.bytes, packet_bytes(p), p->len);
}

static void assert_goes4(const char *dst, uint32_t verdict)
{
	struct packet p;

	build4(&p, dst);
	to_host(&p);
	assert_answer(&p, verdict);
}

static void assert_goes6(const char *dst, uint32_t verdict)
{
	struct packet p;

	build6(&p, dst);
	to_host(&p);
	assert_answer(&p, verdict);
}

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(bed.object, name);
}

/* Asserts that so many packets were counted, all of them there. */
static void assert_counted(enum tc_redirect_counter counter, __u64 packets)
{
	struct slot_count counts[TC_REDIRECT_COUNTS_SIZE];
	struct slot_reason why = {};

	assert_int_equal(program_counts_get(map_fd(TC_REDIRECT_COUNTS_NAME),
					    TC_REDIRECT_COUNTS_SIZE, &why, counts),
			 0);
	for (size_t i = 0; i < TC_REDIRECT_COUNTS_SIZE; i++)
		assert_int_equal(counts[i].packets, i == counter ? packets : 0);
}

/* What no command writes: a device that is gone, or bpf_redirect_peer() without a peer. */
static void set_route(const char *prefix, unsigned int ifindex, enum tc_redirect_helper helper)
{
	const struct tc_redirect_maps maps = { map_fd(TC_REDIRECT_DESTS_NAME),
					       map_fd(TC_REDIRECT_HITS_NAME) };
	struct slot_prefix key;
	struct slot_reason why = {};

	assert_int_equal(program_prefix_parse(prefix, &why, &key), 0);
	assert_int_equal(tc_redirect_route_set(&maps, &key, ifindex, helper, &why), 0);
}

static void what_nobody_listed_is_left_and_not_counted(void **state)
{
	struct packet p;

	(void)state;
	assert_goes4("192.0.2.1", LEFT);
	program_bed_assert_runs(&bed, "add 192.0.2.0/24 lo", "");
	assert_goes4("192.0.3.1", LEFT);
	assert_goes6("2001:db8::1", LEFT);
	packet_start(&p, "who has 192.0.2.1, and other things", 35);
	p.ethertype = 0x0806;
	to_host(&p);
	assert_answer(&p, LEFT);
	assert_counted(0, 0);
}

static void what_is_listed_is_handed_over(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "add 192.0.2.1 lo", "");
	program_bed_assert_runs(&bed, "add 2001:db8::/64 lo neigh", "");
	assert_goes4("192.0.2.1", TC_ACT_REDIRECT);
	assert_goes6("2001:db8::1", TC_ACT_REDIRECT);
	assert_counted(TC_REDIRECT_TO_NEIGH, 2);
	program_bed_assert_runs(&bed, "del 192.0.2.1 2001:db8::/64", "");
	assert_goes4("192.0.2.1", LEFT);
	assert_counted(TC_REDIRECT_TO_NEIGH, 2);
}

/* One byte more than the MTU. */
static void build_too_long(struct packet *p)
{
	static const char payload[MTU];
	const struct packet_ip4 ip = { .src = "198.51.100.10", .dst = "192.0.2.1" };

	packet_start(p, payload, MTU - 19);
	p->proto = 253;
	packet_ip4(p, &ip);
	to_host(p);
}

static void into_a_peer_it_goes_whatever_the_mtu(void **state)
{
	struct packet p;

	(void)state;
	build_too_long(&p);
	set_route("192.0.2.1", 1, TC_REDIRECT_PEER);
	assert_answer(&p, TC_ACT_REDIRECT);
	assert_counted(TC_REDIRECT_TO_PEER, 1);
}

static void what_is_longer_than_the_way_out_is_left(void **state)
{
	struct packet p;

	(void)state;
	build_too_long(&p);
	program_bed_assert_runs(&bed, "add 192.0.2.1 lo", "");
	assert_answer(&p, LEFT);
	assert_counted(TC_REDIRECT_TOO_LONG, 1);
}

static void a_device_that_is_gone_gets_nothing(void **state)
{
	(void)state;
	set_route("192.0.2.1", GONE_IFINDEX, TC_REDIRECT_PEER);
	set_route("2001:db8::1", GONE_IFINDEX, TC_REDIRECT_NEIGH);
	assert_goes4("192.0.2.1", LEFT);
	assert_goes6("2001:db8::1", LEFT);
	assert_counted(TC_REDIRECT_NO_DEVICE, 2);
}

static void frames_for_others_are_left(void **state)
{
	struct packet p;

	(void)state;
	program_bed_assert_runs(&bed, "add 192.0.2.1 lo", "");
	build4(&p, "192.0.2.1");
	packet_eth(&p);
	assert_answer(&p, LEFT);
	memset(packet_bytes(&p), 0xff, 6);
	assert_answer(&p, LEFT);
	assert_counted(TC_REDIRECT_OTHER_HOST, 2);
}

/* --- commands -------------------------------------------------------------------------------- */

static void the_longest_prefix_counts(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "list", HEAD);
	program_bed_assert_runs(&bed, "add 2001:db8::1 lo", "");
	program_bed_assert_runs(&bed, "add 192.0.2.0/24 lo", "");
	program_bed_assert_runs(&bed, "add 192.0.2.128/25 near", "");
	assert_goes4("192.0.2.1", TC_ACT_REDIRECT);
	assert_goes4("192.0.2.129", TC_ACT_REDIRECT);
	assert_goes4("192.0.2.130", TC_ACT_REDIRECT);
	program_bed_assert_runs(
		&bed, "list",
		HEAD
		"192.0.2.0/24              lo               neigh              1               90\n"
		"192.0.2.128/25            near             neigh              2              180\n"
		"2001:db8::1               lo               neigh              0                0\n");
}

static void one_that_moves_goes_on_counting_and_one_that_is_new_begins(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "add 192.0.2.1 lo", "");
	assert_goes4("192.0.2.1", TC_ACT_REDIRECT);
	program_bed_assert_runs(&bed, "add 192.0.2.1 near", "");
	program_bed_assert_runs(
		&bed, "list",
		HEAD
		"192.0.2.1                 near             neigh              1               90\n");
	program_bed_assert_runs(&bed, "del 192.0.2.1", "");
	program_bed_assert_runs(&bed, "add 192.0.2.2 lo", "");
	program_bed_assert_runs(
		&bed, "list",
		HEAD
		"192.0.2.2                 lo               neigh              0                0\n");
}

static void json_of_list(void **state)
{
	(void)state;
	set_route("192.0.2.0/24", GONE_IFINDEX, TC_REDIRECT_PEER);
	assert_int_equal(program_bed_run_json(&bed, "list"), PROGRAM_OK);
	program_bed_assert_said(&bed,
				"{\n  \"prefixes\": [\n    {\n"
				"      \"prefix\": \"192.0.2.0/24\",\n      \"device\": null,\n"
				"      \"ifindex\": 4711,\n      \"helper\": \"peer\",\n"
				"      \"packets\": 0,\n      \"bytes\": 0\n    }\n  ]\n}\n",
				"");
	assert_int_equal(program_bed_run(&bed, "list"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "#4711 gone "));
}

static void wrong_words_are_told_and_change_nothing(void **state)
{
	(void)state;
	program_bed_assert_fails(&bed, "add 192.0.2.1 nowhere",
				 "cannot lead packets to 'nowhere': no such interface here\n");
	program_bed_assert_fails(&bed, "add 192.0.2.1 an-interface-of-too-long-a-name",
				 "cannot lead packets to 'an-interface-of-too-long-a-name': "
				 "no such interface here\n");
	program_bed_assert_fails(&bed, "add 192.0.2.1 lo quick",
				 "'quick': expected peer or neigh\n");
	program_bed_assert_fails(&bed, "add 192.0.2.1 near peer",
				 "'near' is no veth or netkit whose other end is in another "
				 "network namespace: expected neigh\n");
	program_bed_assert_fails(&bed, "add 192.0.2.1/24 lo",
				 "'192.0.2.1/24': bits are set behind the prefix's length\n");
	program_bed_assert_fails(&bed, "del 192.0.2.1",
				 "cannot delete '192.0.2.1': it is not one of the prefixes\n");
	program_bed_assert_runs(&bed, "list", HEAD);
}

static void commands_that_make_no_sense_ask_for_usage(void **state)
{
	static const char *const lines[] = { "add", "add 192.0.2.1", "add 192.0.2.1 lo peer 1",
					     "del", "list all",	     "stats all" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(program_bed_run(&bed, lines[i]), PROGRAM_USAGE);
}

static void no_more_are_added_than_fit(void **state)
{
	struct slot_prefix key = { .len = SLOT_PREFIX_FAMILY_BITS + 32,
				   .family = 4,
				   .addr = { 10 } };
	struct tc_redirect_dest dest = { .ifindex = 1, .helper = TC_REDIRECT_NEIGH };

	(void)state;
	/* Each as add would, but without looking for a number among all the others. */
	for (dest.number = 0; dest.number < TC_REDIRECT_DESTS_MAX; dest.number++) {
		key.addr[2] = (__u8)(dest.number >> 8);
		key.addr[3] = (__u8)dest.number;
		assert_int_equal(bpf_map_update_elem(map_fd(TC_REDIRECT_DESTS_NAME), &key, &dest,
						     BPF_NOEXIST),
				 0);
	}
	program_bed_assert_fails(&bed, "add 192.0.2.1 lo", "1024 prefixes are all that fit\n");
	program_bed_assert_runs(&bed, "add 10.0.0.1 near", "");
	program_bed_assert_runs(&bed, "del 10.0.0.1", "");
	program_bed_assert_runs(&bed, "add 192.0.2.1 lo", "");
}

/* Each on maps of its own. */
#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(what_nobody_listed_is_left_and_not_counted);
	ADD(what_is_listed_is_handed_over);
	ADD(into_a_peer_it_goes_whatever_the_mtu);
	ADD(what_is_longer_than_the_way_out_is_left);
	ADD(a_device_that_is_gone_gets_nothing);
	ADD(frames_for_others_are_left);
	ADD(the_longest_prefix_counts);
	ADD(one_that_moves_goes_on_counting_and_one_that_is_new_begins);
	ADD(json_of_list);
	ADD(wrong_words_are_told_and_change_nothing);
	ADD(commands_that_make_no_sense_ask_for_usage);
	ADD(no_more_are_added_than_fit);
	return tap_run(&plan, "tc_redirect", 1);
}
