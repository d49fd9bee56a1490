/* SPDX-License-Identifier: GPL-2.0-only */
/* lb: which flows user space is told of, for the device to mark. */
#include <arpa/inet.h>
#include <sched.h>
#include <string.h>

#include <bpf/bpf.h>

#include "tests/support/marks_bed.h"
#include "tests/support/tap.h"

#define TUNNEL "192.0.2.250"
#define SERVER_ID 77
#define THRESHOLD MARKS_THRESHOLD
#define SYN MARKS_SYN
#define RST MARKS_RST
#define ACK MARKS_ACK

static struct marks_bed bed;

static int open_default(void **state)
{
	(void)state;
	marks_bed_open(&bed, &marks_bed_config);
	return 0;
}

static int close_bed(void **state)
{
	(void)state;
	marks_bed_close(&bed);
	return 0;
}

static void a_flow_is_told_of_at_the_threshold_and_once(void **state)
{
	(void)state;
	marks_bed_tcp(&bed, 1000, ACK, THRESHOLD - 1);
	assert_int_equal(marks_bed_take(&bed), 0);
	marks_bed_tcp(&bed, 1000, ACK, 1);
	assert_int_equal(marks_bed_take(&bed), 1);
	marks_bed_tcp(&bed, 1000, ACK, 10 * THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 0);
	assert_int_equal(marks_bed_count(&bed, LB_MARK_EVENTS), 1);
}

static void an_event_says_all_of_its_flow(void **state)
{
	struct lb_mark_event tcp = { .sport = htons(1000),
				     .dport = htons(80),
				     .proto = IPPROTO_TCP,
				     .encap = LB_IPIP,
				     .epoch = 200,
				     .vip = 5,
				     .real = 3,
				     .life = 9 },
			     udp = tcp;
	__u32 zero = 0;

	(void)state;
	udp.sport = htons(2000);
	udp.dport = htons(4433); /* of a VIP with all ports */
	udp.proto = IPPROTO_UDP;
	udp.is_ip6 = 1;
	udp.encap = LB_GUE;
	udp.vip = 6;
	udp.life = 0;
	assert_int_equal(inet_pton(AF_INET, MARKS_CLIENT, tcp.src), 1);
	assert_int_equal(inet_pton(AF_INET, MARKS_VIP, tcp.dst), 1);
	assert_int_equal(inet_pton(AF_INET6, MARKS_CLIENT6, udp.src), 1);
	assert_int_equal(inet_pton(AF_INET6, MARKS_VIP6, udp.dst), 1);
	assert_int_equal(bpf_map_lookup_elem(lb_case_map(&bed.lb, LB_GENERATION_NAME), &zero,
					     &tcp.generation),
			 0);
	udp.generation = tcp.generation;
	marks_bed_tcp(&bed, 1000, ACK, THRESHOLD);
	marks_bed_udp6(&bed, 2000, 4433, THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 2);
	assert_memory_equal(&bed.events[0], &tcp, sizeof(tcp));
	assert_memory_equal(&bed.events[1], &udp, sizeof(udp));
}

static void make_older(struct lb_candidate *flow)
{
	flow->began -= 50; /* of 134 ms */
}

static void packets_that_are_too_far_apart_do_not_add_up(void **state)
{
	(void)state;
	marks_bed_tcp(&bed, 1000, ACK, THRESHOLD - 1);
	marks_bed_candidates(&bed, make_older);
	marks_bed_tcp(&bed, 1000, ACK, THRESHOLD - 1);
	assert_int_equal(marks_bed_take(&bed), 0);
	marks_bed_tcp(&bed, 1000, ACK, 1);
	assert_int_equal(marks_bed_take(&bed), 1);
}

static void a_flow_that_goes_on_is_told_of_again_later(void **state)
{
	(void)state;
	marks_bed_tcp(&bed, 1000, ACK, THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 1);
	marks_bed_candidates(&bed, make_older);
	marks_bed_tcp(&bed, 1000, ACK, THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 1);
}

static void what_begins_or_ends_a_connection_does_not_count(void **state)
{
	(void)state;
	marks_bed_tcp(&bed, 1000, SYN, THRESHOLD);
	marks_bed_tcp(&bed, 1000, SYN | ACK, THRESHOLD);
	marks_bed_tcp(&bed, 1000, RST, THRESHOLD);
	marks_bed_tcp(&bed, 1000, ACK, THRESHOLD - 1);
	assert_int_equal(marks_bed_take(&bed), 0);
	marks_bed_tcp(&bed, 1000, ACK, 1);
	assert_int_equal(marks_bed_take(&bed), 1);
}

/* They go the way of the flow that they quote, and are no packets of it. */
static void errors_of_icmp_do_not_count(void **state)
{
	struct packet_ip4 inner = { .src = MARKS_VIP, .dst = MARKS_CLIENT };
	struct packet_ip4 outer = { .src = "198.51.100.1", .dst = MARKS_VIP };
	struct packet p;

	(void)state;
	marks_bed_tcp(&bed, 1000, ACK, 1);
	packet_start(&p, "x", 1);
	packet_tcp(&p, 80, 1000, ACK);
	packet_ip4(&p, &inner);
	packet_icmp(&p, 3, 4);
	packet_ip4(&p, &outer);
	packet_eth(&p);
	marks_bed_send(&bed, &p, 2 * THRESHOLD);
	assert_true(marks_bed_count(&bed, LB_ICMP_PTB4) >= THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 0);
}

static void one_of_many_cpus_tells_no_more_than_the_rate(void **state)
{
	struct lb_config config = marks_bed_config;
	struct lb_mark_rate before[1024], after[1024];
	int fd;
	__u32 zero = 0;

	(void)state;
	config.hwmark_packets = 1;
	config.hwmark_rate = 3;
	marks_bed_open(&bed, &config);
	fd = lb_case_map(&bed.lb, LB_MARK_RATE_NAME);
	/* Again where a second went by meanwhile. */
	for (__u16 i = 0;; i++) {
		marks_bed_tcp(&bed, (__u16)(1 + i), ACK, 1);
		marks_bed_take(&bed);
		assert_int_equal(bpf_map_lookup_elem(fd, &zero, before), 0);
		for (__u16 k = 0; k < 10; k++)
			marks_bed_tcp(&bed, (__u16)(1000 + 10 * i + k), ACK, 1);
		assert_int_equal(bpf_map_lookup_elem(fd, &zero, after), 0);
		if (before[sched_getcpu()].second == after[sched_getcpu()].second)
			break;
		marks_bed_take(&bed);
	}
	assert_int_equal(marks_bed_take(&bed), 2);
	assert_true(marks_bed_count(&bed, LB_MARK_LIMITED) >= 8);
	marks_bed_close(&bed);
}

static void without_room_an_event_is_lost_and_counted(void **state)
{
	struct lb_config config = marks_bed_config;
	unsigned int told;

	(void)state;
	config.hwmark_packets = 1;
	config.hwmark = MARKS_FLOW;
	marks_bed_open(&bed, &config);
	bed.pool->ids[0] = 4711;
	bed.pool->put = LB_MARK_POOL_IDS;
	for (__u16 i = 0; i < 5000; i++) {
		if (i % 500 == 0)
			bed.pool->put = bed.pool->taken + LB_MARK_POOL_IDS;
		marks_bed_tcp(&bed, (__u16)(1 + i), ACK, 1);
	}
	told = (unsigned int)marks_bed_count(&bed, LB_MARK_EVENTS);
	assert_in_range(told, 3000, 4999);
	assert_int_equal(marks_bed_count(&bed, LB_MARK_LOST), 5000 - told);
	/* What was not told took no mark. */
	assert_int_equal(bed.pool->taken, told);
	assert_int_equal(marks_bed_take(&bed), told);
	marks_bed_tcp(&bed, 6000, ACK, 1);
	assert_int_equal(marks_bed_take(&bed), 1);
	marks_bed_close(&bed);
}

static void marks_come_from_the_pool_each_of_them_once(void **state)
{
	struct lb_config config = marks_bed_config;

	(void)state;
	config.hwmark_packets = 1;
	config.hwmark = MARKS_FLOW;
	marks_bed_open(&bed, &config);
	/* Where the numbers come to their end, and the places do. */
	bed.pool->taken = bed.pool->put = 0xfffffff0;
	for (__u32 i = 0; i < 40; i++)
		bed.pool->ids[(bed.pool->put + i) % LB_MARK_POOL_IDS] = 100 + i;
	__sync_fetch_and_add(&bed.pool->put, 40);
	for (__u16 i = 0; i < 50; i++)
		marks_bed_tcp(&bed, (__u16)(1 + i), ACK, 1);
	assert_int_equal(marks_bed_take(&bed), 40);
	for (__u32 i = 0; i < 40; i++)
		assert_int_equal(bed.events[i].mark, 100 + i);
	assert_int_equal(marks_bed_count(&bed, LB_MARK_NO_MARK), 10);
	assert_int_equal(bed.pool->taken, bed.pool->put);
	marks_bed_close(&bed);
}

struct flag_row {
	const char *name;
	__u16 flag;
	bool is_told;
};

static const struct flag_row flag_rows[] = {
	{ "a VIP without flags is told of", 0, true },
	{ "a VIP whose clients' ports do not count is not", LB_NO_SRC_PORT, false },
	{ "a VIP without a table is not", LB_NO_TABLE, false },
	{ "a VIP of QUIC is not", LB_QUIC, false },
	{ "a VIP of the destination's port alone is not", LB_DST_PORT_ONLY, false },
	{ "a VIP with routes by source is not", LB_SRC_ROUTING, false },
	{ "a VIP that this host serves too is not", LB_LOCAL_VIP, false },
	{ "a VIP of the global table is", LB_GLOBAL_TABLE, true },
	{ "a VIP of both ports is", LB_BOTH_PORTS, true },
	{ "a VIP of stable routing is not", LB_STABLE_ROUTING, false },
	{ "a VIP whose flows migrate is not", LB_FLOW_MIGRATION, false },
};

static void only_what_addresses_and_ports_say_is_told_of(void **state)
{
	const struct flag_row *row = *state;

	marks_bed_open(&bed, &marks_bed_config);
	bed.vip6.vip.flags = row->flag;
	lb_case_vip(&bed.lb, &bed.vip6);
	marks_bed_udp6(&bed, 2000, 4433, THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), row->is_told);
	marks_bed_close(&bed);
}

/* In TCP's options, in front of the payload. */
static void a_packet_with_the_id_of_a_server_does_not_count(void **state)
{
	struct packet_ip4 ip = { .src = MARKS_CLIENT, .dst = MARKS_VIP };
	unsigned char options[8] = { 0xb7, 6, SERVER_ID };
	struct lb_config config = marks_bed_config;
	__u32 id = SERVER_ID, real = 3;
	struct packet p;

	(void)state;
	config.tcp_server_id = true;
	marks_bed_open(&bed, &config);
	assert_int_equal(bpf_map_update_elem(lb_case_map(&bed.lb, LB_SERVER_IDS_NAME), &id, &real,
					     BPF_ANY),
			 0);
	lb_case_raise(&bed.lb);
	packet_start(&p, options, sizeof(options));
	packet_tcp(&p, 1000, 80, ACK);
	packet_ip4(&p, &ip);
	packet_eth(&p);
	packet_bytes(&p)[14 + 20 + 12] = 7 << 4;
	marks_bed_send(&bed, &p, 2 * THRESHOLD);
	assert_int_equal(marks_bed_count(&bed, LB_TCP_ID_BY_ID), 2 * THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 0);
	marks_bed_tcp(&bed, 1000, ACK, THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 1);
	marks_bed_close(&bed);
}

/* The device sees the outer header of it. */
static void a_packet_out_of_a_tunnel_does_not_count(void **state)
{
	struct packet_ip4 inner = { .src = MARKS_CLIENT, .dst = MARKS_VIP };
	struct packet_ip4 outer = { .src = "198.51.100.1", .dst = TUNNEL };
	struct lb_config config = marks_bed_config;
	struct lb_address end = { { 0 } };
	struct packet p;
	__u8 one = 1;

	(void)state;
	config.decap = true;
	marks_bed_open(&bed, &config);
	end.addr[10] = end.addr[11] = 0xff;
	assert_int_equal(inet_pton(AF_INET, TUNNEL, end.addr + 12), 1);
	assert_int_equal(
		bpf_map_update_elem(lb_case_map(&bed.lb, LB_TUNNELS_NAME), &end, &one, BPF_ANY), 0);
	bed.lb.control.flags |= LB_HAS_TUNNELS;
	lb_case_control(&bed.lb);
	packet_start(&p, "x", 1);
	packet_tcp(&p, 1000, 80, ACK);
	packet_ip4(&p, &inner);
	packet_ip4(&p, &outer);
	packet_eth(&p);
	marks_bed_send(&bed, &p, 2 * THRESHOLD);
	assert_int_equal(marks_bed_count(&bed, LB_DECAP4), 2 * THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 0);
	marks_bed_tcp(&bed, 1000, ACK, THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 1);
	marks_bed_close(&bed);
}

static void without_the_setting_nothing_is_told_or_counted(void **state)
{
	(void)state;
	marks_bed_open(&bed, NULL);
	marks_bed_tcp(&bed, 1000, ACK, 100 * THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 0);
	for (enum lb_counter i = LB_MARK_EVENTS; i <= LB_MARK_KEPT; i++)
		assert_int_equal(marks_bed_count(&bed, i), 0);
	marks_bed_close(&bed);
}

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	TAP_ADD(&plan, a_flow_is_told_of_at_the_threshold_and_once, open_default, close_bed);
	TAP_ADD(&plan, an_event_says_all_of_its_flow, open_default, close_bed);
	TAP_ADD(&plan, packets_that_are_too_far_apart_do_not_add_up, open_default, close_bed);
	TAP_ADD(&plan, a_flow_that_goes_on_is_told_of_again_later, open_default, close_bed);
	TAP_ADD(&plan, what_begins_or_ends_a_connection_does_not_count, open_default, close_bed);
	TAP_ADD(&plan, errors_of_icmp_do_not_count, open_default, close_bed);
	TAP_ADD(&plan, one_of_many_cpus_tells_no_more_than_the_rate, NULL, NULL);
	TAP_ADD(&plan, without_room_an_event_is_lost_and_counted, NULL, NULL);
	TAP_ADD(&plan, marks_come_from_the_pool_each_of_them_once, NULL, NULL);
	TAP_ADD_TABLE(&plan, only_what_addresses_and_ports_say_is_told_of, flag_rows);
	TAP_ADD(&plan, a_packet_with_the_id_of_a_server_does_not_count, NULL, NULL);
	TAP_ADD(&plan, a_packet_out_of_a_tunnel_does_not_count, NULL, NULL);
	TAP_ADD(&plan, without_the_setting_nothing_is_told_or_counted, NULL, NULL);
	return tap_run(&plan, "lb_marks", 1);
}
