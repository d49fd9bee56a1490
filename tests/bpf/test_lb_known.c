/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lb: what a CPU keeps of look-ups. What changes in the maps counts for the next packet
 * once the generation is raised, and within seconds where nobody came to raise it.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "tests/support/lb_case.h"
#include "tests/support/tap.h"

#define TCP_ACK 0x10
#define VIP "203.0.113.1"
#define CLIENT "198.51.100.9"
#define ID 1022
/* LB_KNOWN_TICKS of the slowest of kernels' clocks, and room for a busy machine. */
#define SECONDS_MAX 10

enum {
	FIRST = 1,
	SECOND = 2
};

/* With VIP of two rings; ring 0 has the first real, ring 1 the second. */
static void open_case(struct lb_case *lb, struct lb_case_vip *spec)
{
	__u32 ring[LB_RING_SIZE];
	size_t i;

	*spec = (struct lb_case_vip){ .addr = VIP, .port = 80, .proto = IPPROTO_TCP };
	spec->vip.has_ring = 1;
	spec->vip.flags = LB_NO_TABLE;
	lb_case_open(lb);
	lb_case_load(lb, NULL);
	lb_case_real(lb, FIRST, "192.0.2.1", 0);
	lb_case_real(lb, SECOND, "192.0.2.2", 0);
	lb_case_ring_of(lb, 0, FIRST);
	for (i = 0; i < LB_RING_SIZE; i++)
		ring[i] = SECOND;
	lb_case_ring(lb, 0, 1, ring);
	lb_case_vip(lb, spec);
}

static void run_tcp(const struct lb_case *lb, const char *vip, struct progrun *ret_run)
{
	struct packet p;

	packet_start(&p, "hello", 5);
	packet_tcp(&p, 31337, 80, TCP_ACK);
	packet_ip4(&p, &(struct packet_ip4){ .src = CLIENT, .dst = vip });
	packet_eth(&p);
	lb_case_run(lb, &p, ret_run);
}

static void run_quic(const struct lb_case *lb, struct progrun *ret_run)
{
	unsigned char payload[32] = { 0, 1 << 6 | ID >> 10, ID >> 2 & 0xff, (ID & 3) << 6 };
	struct packet p;

	packet_start(&p, payload, sizeof(payload));
	packet_udp(&p, 31337, 443);
	packet_ip4(&p, &(struct packet_ip4){ .src = CLIENT, .dst = VIP });
	packet_eth(&p);
	lb_case_run(lb, &p, ret_run);
}

/* The real that the packet went to, by the last byte of its outer address; 0: to none. */
static __u32 real_of(const struct progrun *run)
{
	return run->verdict == XDP_TX ? run->bytes[14 + 19] : 0;
}

static __u32 send_tcp(const struct lb_case *lb)
{
	struct progrun run = {};

	run_tcp(lb, VIP, &run);
	return real_of(&run);
}

static __u32 send_quic(const struct lb_case *lb)
{
	struct progrun run = {};

	run_quic(lb, &run);
	return real_of(&run);
}

static void wait_for(__u32 (*send)(const struct lb_case *), const struct lb_case *lb, __u32 real)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int tries;

	for (tries = 0; tries < SECONDS_MAX * 100 && send(lb) != real; tries++)
		nanosleep(&pause, NULL);
	assert_int_equal(send(lb), real);
}

static void write_vip(const struct lb_case *lb, const struct lb_vip *vip)
{
	struct lb_vip4_key key = { .port = htons(80), .proto = IPPROTO_TCP };
	int fd = lb_case_map(lb, LB_VIPS4_NAME);

	assert_int_equal(inet_pton(AF_INET, VIP, &key.addr), 1);
	if (vip)
		assert_int_equal(bpf_map_update_elem(fd, &key, vip, BPF_ANY), 0);
	else
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
}

static void write_id(const struct lb_case *lb, __u32 real)
{
	__u32 id = ID;

	assert_int_equal(
		bpf_map_update_elem(lb_case_map(lb, LB_SERVER_IDS_NAME), &id, &real, BPF_ANY), 0);
}

static void a_changed_vip_counts_with_the_next_generation(void **state)
{
	struct lb_case_vip spec;
	struct lb_case lb;
	int i;

	(void)state;
	open_case(&lb, &spec);
	for (i = 0; i < 8; i++) {
		assert_int_equal(send_tcp(&lb), spec.vip.ring ? SECOND : FIRST);
		spec.vip.ring = !spec.vip.ring;
		write_vip(&lb, &spec.vip);
		lb_case_raise(&lb);
	}
	write_vip(&lb, NULL);
	lb_case_raise(&lb);
	assert_int_equal(send_tcp(&lb), 0);
	assert_int_equal(lb_case_count(&lb, LB_NOT_A_VIP), 1);
	lb_case_close(&lb);
}

/* As if who wrote it had been killed then. */
static void a_changed_vip_counts_soon_without_one(void **state)
{
	struct lb_case_vip spec;
	struct lb_case lb;

	(void)state;
	open_case(&lb, &spec);
	assert_int_equal(send_tcp(&lb), FIRST);
	spec.vip.ring = 1;
	write_vip(&lb, &spec.vip);
	wait_for(send_tcp, &lb, SECOND);
	write_vip(&lb, NULL);
	wait_for(send_tcp, &lb, 0);
	lb_case_close(&lb);
}

/* The ring's number is the same, and so are the places of its entries. */
static void a_ring_written_anew_counts_with_the_next_generation(void **state)
{
	struct lb_case_vip spec;
	struct lb_case lb;

	(void)state;
	open_case(&lb, &spec);
	assert_int_equal(send_tcp(&lb), FIRST);
	lb_case_ring_of(&lb, 0, SECOND);
	assert_int_equal(send_tcp(&lb), SECOND);
	lb_case_ring_of(&lb, 0, 0);
	assert_int_equal(send_tcp(&lb), 0);
	assert_int_equal(lb_case_count(&lb, LB_NO_REAL), 1);
	lb_case_close(&lb);
}

static void a_changed_id_counts_with_the_next_generation_and_soon_without(void **state)
{
	struct lb_case_vip spec;
	struct lb_case lb;
	__u32 id = ID;

	(void)state;
	open_case(&lb, &spec);
	spec.port = 443;
	spec.proto = IPPROTO_UDP;
	spec.vip.flags |= LB_QUIC;
	lb_case_vip(&lb, &spec);
	assert_int_equal(send_quic(&lb), FIRST); /* by the ring */
	write_id(&lb, SECOND);
	assert_int_equal(send_quic(&lb), SECOND);
	write_id(&lb, FIRST);
	lb_case_raise(&lb);
	assert_int_equal(send_quic(&lb), FIRST);
	assert_int_equal(lb_case_count(&lb, LB_QUIC_BY_ID), 2);
	write_id(&lb, SECOND);
	wait_for(send_quic, &lb, SECOND);
	assert_int_equal(bpf_map_delete_elem(lb_case_map(&lb, LB_SERVER_IDS_NAME), &id), 0);
	lb_case_raise(&lb);
	assert_int_equal(send_quic(&lb), FIRST);
	assert_int_equal(lb_case_count(&lb, LB_QUIC_BAD_ID), 2);
	lb_case_close(&lb);
}

/* More VIPs than a CPU has places for: every other one has no reals. */
static void vips_that_share_a_place_are_told_apart(void **state)
{
	struct lb_case_vip spec;
	struct lb_case lb;
	struct progrun run;
	char addr[INET_ADDRSTRLEN];
	int i, round;

	(void)state;
	open_case(&lb, &spec);
	spec.addr = addr;
	for (i = 0; i < 500; i++) {
		snprintf(addr, sizeof(addr), "198.18.%d.%d", i / 250, i % 250);
		spec.vip.has_ring = i % 2;
		spec.vip.ring = i / 2 % 2;
		lb_case_vip(&lb, &spec);
	}
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 500; i++) {
			snprintf(addr, sizeof(addr), "198.18.%d.%d", i / 250, i % 250);
			run_tcp(&lb, addr, &run);
			assert_int_equal(real_of(&run), i % 2 ? (i / 2 % 2 ? SECOND : FIRST) : 0);
		}
	}
	lb_case_close(&lb);
}

#define ADD(fn) TAP_ADD(&plan, fn, NULL, NULL)

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	ADD(a_changed_vip_counts_with_the_next_generation);
	ADD(a_changed_vip_counts_soon_without_one);
	ADD(a_ring_written_anew_counts_with_the_next_generation);
	ADD(a_changed_id_counts_with_the_next_generation_and_soon_without);
	ADD(vips_that_share_a_place_are_told_apart);
	return tap_run(&plan, "lb_known", 1);
}
