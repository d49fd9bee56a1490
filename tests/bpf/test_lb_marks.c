/* SPDX-License-Identifier: GPL-2.0-only */
/* lb: which flows user space is told of, for the device to mark. */
#include <arpa/inet.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/lb_case.h"
#include "tests/support/tap.h"

#define VIP "203.0.113.1"
#define VIP6 "2001:db8:113::1"
#define REAL6 "2001:db8:2::1"
#define TUNNEL "192.0.2.250"
#define SERVER_ID 77
#define THRESHOLD 32
#define EVENTS_MAX 8192
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

/* A load balancer with one VIP of each family, which goes to real 3, and what it told. */
struct bed {
	struct lb_case lb;
	struct lb_case_vip vip, vip6;
	struct ring_buffer *ring;
	struct lb_mark_pool *pool; /* this CPU's */
	struct lb_mark_event events[EVENTS_MAX];
	unsigned int count;
};

static struct bed bed;

static const struct lb_config defaults = {
	.tcp_option_kind = 0xb7,
	.mtu = 1500,
	.hwmark = MARKS_DESTINATION,
	.hwmark_packets = THRESHOLD,
	.hwmark_seconds = 4,
	.hwmark_rate = 1000000,
};

static int take_event(void *ctx, void *data, size_t size)
{
	(void)ctx;
	assert_int_equal(size, sizeof(struct lb_mark_event));
	assert_in_range(bed.count, 0, EVENTS_MAX - 1);
	memcpy(&bed.events[bed.count++], data, size);
	return 0;
}

static void open_bed(const struct lb_config *config)
{
	struct lb_mark_pool *pools;
	size_t size = LB_MARK_POOL_CPUS * sizeof(*pools);

	bed = (struct bed){
		.vip = { .addr = VIP, .port = 80, .proto = IPPROTO_TCP, .vip = { .number = 5 } },
		.vip6 = { .addr = VIP6, .proto = IPPROTO_UDP, .vip = { .number = 6 } },
	};
	bed.vip.vip.has_ring = bed.vip6.vip.has_ring = 1;
	bed.vip.vip.life = 9;
	bed.vip6.vip.encap = LB_GUE;
	lb_case_open(&bed.lb);
	lb_case_load(&bed.lb, config);
	lb_case_real(&bed.lb, 3, REAL6, 0);
	lb_case_real_epoch(&bed.lb, 3, 200);
	lb_case_ring_of(&bed.lb, 5, 3);
	lb_case_ring_of(&bed.lb, 6, 3);
	lb_case_vip(&bed.lb, &bed.vip);
	lb_case_vip(&bed.lb, &bed.vip6);
	bed.ring = ring_buffer__new(lb_case_map(&bed.lb, LB_MARKS_WANTED_NAME), take_event, NULL,
				    NULL);
	assert_non_null(bed.ring);
	pools = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		     lb_case_map(&bed.lb, LB_MARK_POOL_NAME), 0);
	assert_true(pools != MAP_FAILED);
	bed.pool = &pools[sched_getcpu()];
}

static int open_default(void **state)
{
	(void)state;
	open_bed(&defaults);
	return 0;
}

static int close_bed(void **state)
{
	(void)state;
	ring_buffer__free(bed.ring);
	lb_case_close(&bed.lb);
	return 0;
}

static unsigned int take_events(void)
{
	bed.count = 0;
	assert_true(ring_buffer__consume(bed.ring) >= 0);
	return bed.count;
}

static __u64 count(enum lb_counter counter)
{
	return lb_case_count(&bed.lb, counter);
}

static void send_packets(struct packet *p, unsigned int packets)
{
	struct progrun out;

	while (packets--) {
		lb_case_run(&bed.lb, p, &out);
		assert_int_equal(out.verdict, XDP_TX);
	}
}

/* @packets of a TCP connection from port @sport. */
static void send_tcp(__u16 sport, __u8 flags, unsigned int packets)
{
	struct packet_ip4 ip = { .src = "198.51.100.7", .dst = VIP };
	struct packet p;

	packet_start(&p, "x", 1);
	packet_tcp(&p, sport, 80, flags);
	packet_ip4(&p, &ip);
	packet_eth(&p);
	send_packets(&p, packets);
}

static void send_udp6(__u16 sport, __u16 dport, unsigned int packets)
{
	struct packet_ip6 ip = { .src = "2001:db8:18::7", .dst = VIP6 };
	struct packet p;

	packet_start(&p, "x", 1);
	packet_udp(&p, sport, dport);
	packet_ip6(&p, &ip);
	packet_eth(&p);
	send_packets(&p, packets);
}

static void a_flow_is_told_of_at_the_threshold_and_once(void **state)
{
	(void)state;
	send_tcp(1000, ACK, THRESHOLD - 1);
	assert_int_equal(take_events(), 0);
	send_tcp(1000, ACK, 1);
	assert_int_equal(take_events(), 1);
	send_tcp(1000, ACK, 10 * THRESHOLD);
	assert_int_equal(take_events(), 0);
	assert_int_equal(count(LB_MARK_EVENTS), 1);
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
				     .life = 9,
				     .cpu = (__u16)sched_getcpu() },
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
	assert_int_equal(inet_pton(AF_INET, "198.51.100.7", tcp.src), 1);
	assert_int_equal(inet_pton(AF_INET, VIP, tcp.dst), 1);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8:18::7", udp.src), 1);
	assert_int_equal(inet_pton(AF_INET6, VIP6, udp.dst), 1);
	assert_int_equal(bpf_map_lookup_elem(lb_case_map(&bed.lb, LB_GENERATION_NAME), &zero,
					     &tcp.generation),
			 0);
	udp.generation = tcp.generation;
	send_tcp(1000, ACK, THRESHOLD);
	send_udp6(2000, 4433, THRESHOLD);
	assert_int_equal(take_events(), 2);
	assert_memory_equal(&bed.events[0], &tcp, sizeof(tcp));
	assert_memory_equal(&bed.events[1], &udp, sizeof(udp));
}

/* Calls @change for each place of each CPU, and keeps what it made of it. */
static void change_candidates(void (*change)(struct lb_candidate *flow))
{
	int fd = lb_case_map(&bed.lb, LB_CANDIDATES_NAME), cpus = libbpf_num_possible_cpus();
	struct lb_candidate flows[cpus];

	for (__u32 i = 0; i < LB_CANDIDATES; i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, &i, flows), 0);
		for (int cpu = 0; cpu < cpus; cpu++)
			change(&flows[cpu]);
		assert_int_equal(bpf_map_update_elem(fd, &i, flows, BPF_ANY), 0);
	}
}

static void make_older(struct lb_candidate *flow)
{
	flow->second -= 6;
}

static void make_others(struct lb_candidate *flow)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	flow->tag = ~0ULL;
	flow->packets = 20;
	flow->second = (__u32)(((__u64)now.tv_sec * 1000000000 + (__u64)now.tv_nsec) >> 30);
}

static unsigned int packets_less;

static void count_less(struct lb_candidate *flow)
{
	packets_less += 20 - flow->packets;
}

static void packets_that_are_too_far_apart_do_not_add_up(void **state)
{
	(void)state;
	send_tcp(1000, ACK, THRESHOLD - 1);
	change_candidates(make_older);
	send_tcp(1000, ACK, THRESHOLD - 1);
	assert_int_equal(take_events(), 0);
	send_tcp(1000, ACK, 1);
	assert_int_equal(take_events(), 1);
}

static void a_flow_that_goes_on_is_told_of_again_later(void **state)
{
	(void)state;
	send_tcp(1000, ACK, THRESHOLD);
	assert_int_equal(take_events(), 1);
	change_candidates(make_older);
	send_tcp(1000, ACK, THRESHOLD);
	assert_int_equal(take_events(), 1);
}

static void another_flow_in_its_place_takes_one_off(void **state)
{
	(void)state;
	change_candidates(make_others);
	send_tcp(1000, ACK, 3);
	packets_less = 0;
	change_candidates(count_less);
	assert_int_equal(packets_less, 3);
	assert_int_equal(take_events(), 0);
}

static void what_begins_or_ends_a_connection_does_not_count(void **state)
{
	(void)state;
	send_tcp(1000, SYN, THRESHOLD);
	send_tcp(1000, SYN | ACK, THRESHOLD);
	send_tcp(1000, RST, THRESHOLD);
	send_tcp(1000, ACK, THRESHOLD - 1);
	assert_int_equal(take_events(), 0);
	send_tcp(1000, ACK, 1);
	assert_int_equal(take_events(), 1);
}

/* They go the way of the flow that they quote, and are no packets of it. */
static void errors_of_icmp_do_not_count(void **state)
{
	struct packet_ip4 inner = { .src = VIP, .dst = "198.51.100.7" };
	struct packet_ip4 outer = { .src = "198.51.100.1", .dst = VIP };
	struct packet p;

	(void)state;
	send_tcp(1000, ACK, 1);
	packet_start(&p, "x", 1);
	packet_tcp(&p, 80, 1000, ACK);
	packet_ip4(&p, &inner);
	packet_icmp(&p, 3, 4);
	packet_ip4(&p, &outer);
	packet_eth(&p);
	send_packets(&p, 2 * THRESHOLD);
	assert_true(count(LB_ICMP_PTB4) >= THRESHOLD);
	assert_int_equal(take_events(), 0);
}

static void one_of_many_cpus_tells_no_more_than_the_rate(void **state)
{
	struct lb_config config = defaults;
	struct lb_mark_rate before[1024], after[1024];
	int fd;
	__u32 zero = 0;

	(void)state;
	config.hwmark_packets = 1;
	config.hwmark_rate = 3;
	open_bed(&config);
	fd = lb_case_map(&bed.lb, LB_MARK_RATE_NAME);
	/* Again where a second went by meanwhile. */
	for (__u16 i = 0;; i++) {
		send_tcp((__u16)(1 + i), ACK, 1);
		take_events();
		assert_int_equal(bpf_map_lookup_elem(fd, &zero, before), 0);
		for (__u16 k = 0; k < 10; k++)
			send_tcp((__u16)(1000 + 10 * i + k), ACK, 1);
		assert_int_equal(bpf_map_lookup_elem(fd, &zero, after), 0);
		if (before[sched_getcpu()].second == after[sched_getcpu()].second)
			break;
		take_events();
	}
	assert_int_equal(take_events(), 2);
	assert_true(count(LB_MARK_LIMITED) >= 8);
	close_bed(NULL);
}

static void without_room_an_event_is_lost_and_counted(void **state)
{
	struct lb_config config = defaults;
	unsigned int told;

	(void)state;
	config.hwmark_packets = 1;
	config.hwmark = MARKS_FLOW;
	open_bed(&config);
	bed.pool->ids[0] = 4711;
	bed.pool->put = LB_MARK_POOL_IDS;
	for (__u16 i = 0; i < 5000; i++) {
		if (i % 500 == 0)
			bed.pool->put = bed.pool->taken + LB_MARK_POOL_IDS;
		send_tcp((__u16)(1 + i), ACK, 1);
	}
	told = (unsigned int)count(LB_MARK_EVENTS);
	assert_in_range(told, 3000, 4999);
	assert_int_equal(count(LB_MARK_LOST), 5000 - told);
	/* What was not told took no mark. */
	assert_int_equal(bed.pool->taken, told);
	assert_int_equal(take_events(), told);
	send_tcp(6000, ACK, 1);
	assert_int_equal(take_events(), 1);
	close_bed(NULL);
}

static void marks_come_from_the_pool_each_of_them_once(void **state)
{
	struct lb_config config = defaults;

	(void)state;
	config.hwmark_packets = 1;
	config.hwmark = MARKS_FLOW;
	open_bed(&config);
	/* Where the numbers come to their end, and the places do. */
	bed.pool->taken = bed.pool->put = 0xfffffff0;
	for (__u32 i = 0; i < 40; i++)
		bed.pool->ids[(bed.pool->put + i) % LB_MARK_POOL_IDS] = 100 + i;
	__sync_fetch_and_add(&bed.pool->put, 40);
	for (__u16 i = 0; i < 50; i++)
		send_tcp((__u16)(1 + i), ACK, 1);
	assert_int_equal(take_events(), 40);
	for (__u32 i = 0; i < 40; i++)
		assert_int_equal(bed.events[i].mark, 100 + i);
	assert_int_equal(count(LB_MARK_NO_MARK), 10);
	assert_int_equal(bed.pool->taken, bed.pool->put);
	close_bed(NULL);
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
	{ "a VIP with routes by source is", LB_SRC_ROUTING, true },
	{ "a VIP that this host serves too is not", LB_LOCAL_VIP, false },
	{ "a VIP of the global table is", LB_GLOBAL_TABLE, true },
	{ "a VIP of both ports is", LB_BOTH_PORTS, true },
	{ "a VIP of stable routing is not", LB_STABLE_ROUTING, false },
	{ "a VIP whose flows migrate is not", LB_FLOW_MIGRATION, false },
};

static void only_what_addresses_and_ports_say_is_told_of(void **state)
{
	const struct flag_row *row = *state;

	open_bed(&defaults);
	bed.vip6.vip.flags = row->flag;
	lb_case_vip(&bed.lb, &bed.vip6);
	send_udp6(2000, 4433, THRESHOLD);
	assert_int_equal(take_events(), row->is_told);
	close_bed(NULL);
}

/* In TCP's options, in front of the payload. */
static void a_packet_with_the_id_of_a_server_does_not_count(void **state)
{
	struct packet_ip4 ip = { .src = "198.51.100.7", .dst = VIP };
	unsigned char options[8] = { 0xb7, 6, SERVER_ID };
	struct lb_config config = defaults;
	__u32 id = SERVER_ID, real = 3;
	struct packet p;

	(void)state;
	config.tcp_server_id = true;
	open_bed(&config);
	assert_int_equal(bpf_map_update_elem(lb_case_map(&bed.lb, LB_SERVER_IDS_NAME), &id, &real,
					     BPF_ANY),
			 0);
	lb_case_raise(&bed.lb);
	packet_start(&p, options, sizeof(options));
	packet_tcp(&p, 1000, 80, ACK);
	packet_ip4(&p, &ip);
	packet_eth(&p);
	packet_bytes(&p)[14 + 20 + 12] = 7 << 4;
	send_packets(&p, 2 * THRESHOLD);
	assert_int_equal(count(LB_TCP_ID_BY_ID), 2 * THRESHOLD);
	assert_int_equal(take_events(), 0);
	send_tcp(1000, ACK, THRESHOLD);
	assert_int_equal(take_events(), 1);
	close_bed(NULL);
}

/* The device sees the outer header of it. */
static void a_packet_out_of_a_tunnel_does_not_count(void **state)
{
	struct packet_ip4 inner = { .src = "198.51.100.7", .dst = VIP };
	struct packet_ip4 outer = { .src = "198.51.100.1", .dst = TUNNEL };
	struct lb_config config = defaults;
	struct lb_address end = { { 0 } };
	struct packet p;
	__u8 one = 1;

	(void)state;
	config.decap = true;
	open_bed(&config);
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
	send_packets(&p, 2 * THRESHOLD);
	assert_int_equal(count(LB_DECAP4), 2 * THRESHOLD);
	assert_int_equal(take_events(), 0);
	send_tcp(1000, ACK, THRESHOLD);
	assert_int_equal(take_events(), 1);
	close_bed(NULL);
}

static void without_the_setting_nothing_is_told_or_counted(void **state)
{
	(void)state;
	open_bed(NULL);
	send_tcp(1000, ACK, 100 * THRESHOLD);
	assert_int_equal(take_events(), 0);
	for (enum lb_counter i = LB_MARK_EVENTS; i <= LB_MARK_NO_MARK; i++)
		assert_int_equal(count(i), 0);
	close_bed(NULL);
}

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	TAP_ADD(&plan, a_flow_is_told_of_at_the_threshold_and_once, open_default, close_bed);
	TAP_ADD(&plan, an_event_says_all_of_its_flow, open_default, close_bed);
	TAP_ADD(&plan, packets_that_are_too_far_apart_do_not_add_up, open_default, close_bed);
	TAP_ADD(&plan, a_flow_that_goes_on_is_told_of_again_later, open_default, close_bed);
	TAP_ADD(&plan, another_flow_in_its_place_takes_one_off, open_default, close_bed);
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
