/* SPDX-License-Identifier: GPL-2.0-only */
/* Ends of a packet's way that no vector leads to, as no control plane does: each counted once. */
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/lb_case.h"
#include "tests/support/tap.h"

#define VIP4 "192.0.2.1"
#define REAL 1

static struct lb_case lb;

static int set_up(void **state)
{
	struct lb_case_vip spec = { .addr = VIP4, .port = 443, .proto = IPPROTO_UDP };

	(void)state;
	spec.vip.flags = LB_QUIC;
	spec.vip.has_ring = 1;
	lb_case_open(&lb);
	lb_case_load(&lb, NULL);
	lb_case_real(&lb, REAL, "203.0.113.1", 0);
	lb_case_ring_of(&lb, 0, REAL);
	lb_case_vip(&lb, &spec);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lb_case_close(&lb);
	return 0;
}

/* A packet with the id 7. Returns the verdict. */
static unsigned int send_quic(void)
{
	static const unsigned char quic[20] = { 0x40, 0x80, 0, 0, 7 };
	struct progrun run = {};
	struct packet p;

	packet_start(&p, quic, sizeof(quic));
	packet_udp(&p, 1024, 443);
	packet_ip4(&p, &(struct packet_ip4){ .src = "198.51.100.7", .dst = VIP4 });
	packet_eth(&p);
	lb_case_run(&lb, &p, &run);
	return run.verdict;
}

static void assert_counted(enum lb_counter end)
{
	__u64 ends = 0;

	assert_int_equal(lb_case_count(&lb, end), 1);
	for (int i = 0; i < LB_TABLE_PACKETS; i++)
		ends += lb_case_count(&lb, i);
	assert_int_equal(ends, 1);
}

static void assert_end(unsigned int verdict, enum lb_counter end)
{
	assert_int_equal(send_quic(), verdict);
	assert_counted(end);
}

static void set_id(__u32 real)
{
	__u32 id = 7;

	assert_int_equal(
		bpf_map_update_elem(lb_case_map(&lb, LB_SERVER_IDS_NAME), &id, &real, BPF_ANY), 0);
}

static void without_a_gateway_all_passes(void **state)
{
	(void)state;
	memset(lb.control.gateway, 0, sizeof(lb.control.gateway));
	lb_case_control(&lb);
	assert_end(XDP_PASS, LB_OFF);
}

static void a_quic_id_of_a_real_that_is_none_is_dropped(void **state)
{
	(void)state;
	set_id(REAL + 1);
	assert_end(XDP_DROP, LB_QUIC_NO_REAL);
}

static void a_quic_id_leads_to_its_real(void **state)
{
	(void)state;
	set_id(REAL);
	assert_end(XDP_TX, LB_SENT4);
	assert_int_equal(lb_case_count(&lb, LB_QUIC_BY_ID), 1);
}

/* The table had the flow at who had the index before: that is another real. */
static void a_quic_id_renews_a_record_of_an_older_epoch(void **state)
{
	(void)state;
	set_id(REAL);
	assert_end(XDP_TX, LB_SENT4);
	assert_int_equal(lb_case_count(&lb, LB_QUIC_NEW), 1);
	lb_case_real_epoch(&lb, REAL, 1);
	send_quic();
	assert_int_equal(lb_case_count(&lb, LB_QUIC_OTHER), 1);
	send_quic();
	assert_int_equal(lb_case_count(&lb, LB_QUIC_OTHER), 1);
	assert_int_equal(lb_case_count(&lb, LB_QUIC_SAME), 1);
}

/* It begins as a UDP header would. */
static void a_quoted_later_fragment_has_no_ports(void **state)
{
	struct progrun run = {};
	struct packet p;

	(void)state;
	packet_start(&p, "hello", 5);
	packet_udp(&p, 443, 1024);
	packet_ip4(&p, &(struct packet_ip4){ .src = VIP4, .dst = "198.51.100.7", .fragment = 5 });
	packet_icmp(&p, 3, 4);
	packet_ip4(&p, &(struct packet_ip4){ .src = "203.0.113.254", .dst = VIP4 });
	packet_eth(&p);
	lb_case_run(&lb, &p, &run);
	assert_int_equal(run.verdict, XDP_PASS);
	assert_counted(LB_OTHER_ICMP);
}

static void a_vip_without_a_ring_drops(void **state)
{
	struct lb_case_vip spec = { .addr = VIP4, .port = 443, .proto = IPPROTO_UDP };

	(void)state;
	lb_case_vip(&lb, &spec);
	assert_end(XDP_DROP, LB_NO_REALS);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(without_a_gateway_all_passes);
	ADD(a_quic_id_of_a_real_that_is_none_is_dropped);
	ADD(a_quic_id_leads_to_its_real);
	ADD(a_quic_id_renews_a_record_of_an_older_epoch);
	ADD(a_quoted_later_fragment_has_no_ports);
	ADD(a_vip_without_a_ring_drops);
	return tap_run(&plan, "lb_ends", 1);
}
