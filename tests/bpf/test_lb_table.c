/* SPDX-License-Identifier: GPL-2.0-only */
/* lb: what the flow table forgets, and whose place a new flow takes. Times are set in the map. */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/lb_case.h"
#include "tests/support/tap.h"

#define VIP4 "203.0.113.1"
#define SYN 0x02
#define ACK 0x10

enum {
	REAL4 = 1,
	OTHER4 = 2
};

static struct lb_case lb;
static struct lb_bucket buckets[LB_BUCKETS]; /* as they were at the last look */

/* Once: the verifier takes its time. */
static void open_case(void)
{
	struct lb_case_vip spec = { .addr = VIP4, .port = 80, .vip.has_ring = 1 };

	lb_case_open(&lb);
	lb_case_load(&lb, NULL);
	lb_case_real(&lb, REAL4, "192.0.2.10", 0);
	lb_case_real(&lb, OTHER4, "192.0.2.11", 0);
	spec.proto = IPPROTO_TCP;
	lb_case_vip(&lb, &spec);
	spec.proto = IPPROTO_UDP;
	lb_case_vip(&lb, &spec);
}

static int set_up(void **state)
{
	(void)state;
	if (!lb.object)
		open_case();
	lb_case_ring_of(&lb, 0, REAL4);
	return 0;
}

/* Sends a packet and returns the real that it went to. */
static __u32 send_to(__u8 proto, __u8 flags)
{
	struct progrun run = {};
	struct packet p;

	packet_start(&p, "hello", 5);
	if (proto == IPPROTO_TCP)
		packet_tcp(&p, 31337, 80, flags);
	else
		packet_udp(&p, 31337, 80);
	packet_ip4(&p, &(struct packet_ip4){ .src = "198.51.100.9", .dst = VIP4 });
	packet_eth(&p);
	lb_case_run(&lb, &p, &run);
	assert_int_equal(run.verdict, XDP_TX);
	return run.bytes[14 + 19] == 10 ? REAL4 : OTHER4;
}

/* The first bucket that is not empty, and where it is; NULL if all are. */
static struct lb_bucket *find_bucket(__u32 *ret_index)
{
	static const struct lb_bucket empty;
	__u32 count = LB_BUCKETS, next, *keys = calloc(LB_BUCKETS, sizeof(*keys)), i;
	int err;

	assert_non_null(keys);
	err = bpf_map_lookup_batch(lb_case_map(&lb, LB_FLOWS_NAME), NULL, &next, keys, buckets,
				   &count, NULL);
	assert_true(!err || err == -ENOENT);
	for (i = 0; i < count && !memcmp(&buckets[i], &empty, sizeof(empty)); i++)
		;
	*ret_index = i < count ? keys[i] : 0;
	free(keys);
	return i < count ? &buckets[i] : NULL;
}

static __u64 ticks(__u32 seconds)
{
	return seconds * 1000000000ULL >> LB_TIME_SHIFT;
}

static __u64 get_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return ((__u64)now.tv_sec * 1000000000ULL + (__u64)now.tv_nsec) >> LB_TIME_SHIFT;
}

/* A record of @tag that was used @seconds ago. */
static struct lb_flow make_flow(__u64 tag, __u64 value, __u32 seconds)
{
	value = (value & 0xffffffffU) | (__u64)(__u32)(get_now() - ticks(seconds)) << 32;
	return (struct lb_flow){ .check = tag ^ value, .value = value };
}

static void put_bucket(__u32 index, const struct lb_bucket *bucket)
{
	assert_int_equal(
		bpf_map_update_elem(lb_case_map(&lb, LB_FLOWS_NAME), &index, bucket, BPF_ANY), 0);
}

static int tear_down(void **state)
{
	static const struct lb_bucket empty;
	__u32 index = 0;

	(void)state;
	while (find_bucket(&index))
		put_bucket(index, &empty);
	return 0;
}

/* The flow's one record gets older by that. */
static void age(__u32 seconds)
{
	__u32 index = 0;
	struct lb_bucket *bucket = find_bucket(&index);
	struct lb_flow *flow;

	assert_non_null(bucket);
	flow = bucket->flows;
	while (!flow->value)
		flow++;
	*flow = make_flow(flow->check ^ flow->value, flow->value, seconds);
	put_bucket(index, bucket);
}

static void udp_is_forgotten_when_it_is_silent(void **state)
{
	(void)state;
	assert_int_equal(send_to(IPPROTO_UDP, 0), REAL4);
	lb_case_ring_of(&lb, 0, OTHER4);
	age(28);
	assert_int_equal(send_to(IPPROTO_UDP, 0), REAL4);
	/* That was a use, so it is 28 s anew. */
	age(28);
	assert_int_equal(send_to(IPPROTO_UDP, 0), REAL4);
	age(32);
	assert_int_equal(send_to(IPPROTO_UDP, 0), OTHER4);
}

static void tcp_is_not(void **state)
{
	(void)state;
	assert_int_equal(send_to(IPPROTO_TCP, SYN), REAL4);
	lb_case_ring_of(&lb, 0, OTHER4);
	age(7 * 86400);
	assert_int_equal(send_to(IPPROTO_TCP, ACK), REAL4);
}

static void a_use_is_written_down_once_a_second(void **state)
{
	__u32 index = 0;

	(void)state;
	assert_int_equal(send_to(IPPROTO_TCP, SYN), REAL4);
	age(60);
	assert_int_equal(send_to(IPPROTO_TCP, ACK), REAL4);
	for (struct lb_flow *flow = find_bucket(&index)->flows;; flow++) {
		if (!flow->value)
			continue;
		assert_true(get_now() - (flow->value >> 32) < ticks(10));
		break;
	}
}

/* Four strangers in the flow's bucket: kind and seconds since their last use; 0: a free place. */
struct row {
	const char *name;
	struct {
		bool is_udp;
		__u32 seconds;
	} others[LB_BUCKET_FLOWS];
	int taken;
};

static const struct row rows[] = {
	{ "a new flow takes a free place",
	  { { false, 60 }, { true, 60 }, { false, 0 }, { false, 5 } },
	  2 },
	{ "then that of UDP that is silent",
	  { { false, 60 }, { false, 5 }, { false, 7 }, { true, 32 } },
	  3 },
	{ "UDP that is not silent is as good as TCP",
	  { { false, 5 }, { false, 60 }, { true, 28 }, { true, 20 } },
	  1 },
	{ "then that which was not used for the longest time",
	  { { false, 9 }, { true, 5 }, { false, 7 }, { false, 8 } },
	  0 },
};

static void run_row(void **state)
{
	const struct row *row = *state;
	struct lb_bucket bucket = {}, *after;
	__u32 index = 0;
	__u64 tag = 0;

	if (get_now() < ticks(80)) {
		print_message(
			"# SKIP the machine has not been up for as long as some records are old\n");
		skip();
	}
	set_up(NULL);
	assert_int_equal(send_to(IPPROTO_TCP, SYN), REAL4);
	after = find_bucket(&index);
	for (int i = 0; i < LB_BUCKET_FLOWS; i++)
		tag |= after->flows[i].check ^ after->flows[i].value;
	for (int i = 0; i < LB_BUCKET_FLOWS; i++)
		if (row->others[i].seconds)
			bucket.flows[i] =
				make_flow(tag + 1 + (__u64)i,
					  REAL4 | (row->others[i].is_udp ? LB_FLOW_UDP : 0),
					  row->others[i].seconds);
	put_bucket(index, &bucket);
	assert_int_equal(send_to(IPPROTO_TCP, ACK), REAL4);
	after = find_bucket(&index);
	for (int i = 0; i < LB_BUCKET_FLOWS; i++) {
		bool is_own = (after->flows[i].check ^ after->flows[i].value) == tag;

		assert_int_equal(is_own, i == row->taken);
		if (!is_own)
			assert_memory_equal(&after->flows[i], &bucket.flows[i],
					    sizeof(bucket.flows[i]));
	}
	tear_down(NULL);
}

/* A router's error about a packet that the flow's server sent. */
static void send_error(void)
{
	struct progrun run = {};
	struct packet p;

	packet_start(&p, "hello", 5);
	packet_tcp(&p, 80, 31337, ACK);
	packet_ip4(&p, &(struct packet_ip4){ .src = VIP4, .dst = "198.51.100.9" });
	packet_icmp(&p, 3, 1);
	packet_ip4(&p, &(struct packet_ip4){ .src = "198.51.100.1", .dst = VIP4 });
	packet_eth(&p);
	lb_case_run(&lb, &p, &run);
	assert_int_equal(run.verdict, XDP_TX);
}

static void an_error_is_not_recorded(void **state)
{
	(void)state;
	send_error();
	lb_case_ring_of(&lb, 0, OTHER4);
	assert_int_equal(send_to(IPPROTO_TCP, ACK), OTHER4);
}

/* As if the second in which they were too many had begun two seconds ago. */
static void end_flood(void)
{
	int cpus = libbpf_num_possible_cpus(), fd = lb_case_map(&lb, LB_RATE_NAME);
	struct lb_rate *rates = calloc((size_t)cpus, sizeof(*rates));
	__u32 zero = 0;

	assert_non_null(rates);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, rates), 0);
	for (int i = 0; i < cpus; i++)
		rates[i].since -= rates[i].since ? 2000000000ULL : 0;
	assert_int_equal(bpf_map_update_elem(fd, &zero, rates, BPF_ANY), 0);
	free(rates);
}

static void flows_are_recorded_again_after_a_flood(void **state)
{
	__u64 before = lb_case_count(&lb, LB_FLOODED);

	(void)state;
	lb.control.new_flows_max = 1;
	lb_case_control(&lb);
	end_flood();
	assert_int_equal(send_to(IPPROTO_UDP, 0), REAL4);
	assert_int_equal(lb_case_count(&lb, LB_FLOODED) - before, 0);
	assert_int_equal(send_to(IPPROTO_TCP, SYN), REAL4);
	assert_int_equal(lb_case_count(&lb, LB_FLOODED) - before, 1);
	end_flood();
	assert_int_equal(send_to(IPPROTO_TCP, SYN), REAL4);
	assert_int_equal(lb_case_count(&lb, LB_FLOODED) - before, 1);
	lb.control.new_flows_max = 125000;
	lb_case_control(&lb);
}

/* An element of which another CPU has written one half is no flow. */
static void half_of_a_record_is_none(void **state)
{
	struct lb_bucket *bucket;
	__u32 index = 0;

	(void)state;
	assert_int_equal(send_to(IPPROTO_TCP, SYN), REAL4);
	lb_case_ring_of(&lb, 0, OTHER4);
	bucket = find_bucket(&index);
	for (int i = 0; i < LB_BUCKET_FLOWS; i++)
		bucket->flows[i].value ^= bucket->flows[i].value ? 1ULL << 40 : 0;
	put_bucket(index, bucket);
	assert_int_equal(send_to(IPPROTO_TCP, ACK), OTHER4);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};
	cpu_set_t set;
	int status;

	/* New flows are counted by CPU. */
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return 1;
	ADD(udp_is_forgotten_when_it_is_silent);
	ADD(tcp_is_not);
	ADD(a_use_is_written_down_once_a_second);
	ADD(an_error_is_not_recorded);
	ADD(flows_are_recorded_again_after_a_flood);
	ADD(half_of_a_record_is_none);
	TAP_ADD_TABLE(&plan, run_row, rows);
	status = tap_run(&plan, "lb_table", 1);
	lb_case_close(&lb);
	return status;
}
