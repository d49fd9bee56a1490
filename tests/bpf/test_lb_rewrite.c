/* SPDX-License-Identifier: GPL-2.0-only */
/* lb: the mode that rewrites addresses, both ways, against packets that are built so. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "tests/support/lb_case.h"
#include "tests/support/tap.h"

#define TCP_ACK 0x10

#define VIP4 "203.0.113.1"
#define VIP6 "2001:db8:113::1"
#define REAL4 "192.0.2.10"
#define REAL6 "2001:db8:2::10"
#define CLIENT4 "198.51.100.9"
#define CLIENT6 "2001:db8:9::9"

#define FROM_CLIENT LB_CASE_GATEWAY PACKET_MAC_DST

struct row {
	const char *name;
	__u8 proto;
	bool is_ip6;
	bool is_answer;	   /* from the real to the client */
	bool has_no_check; /* UDP without a checksum */
};

static const struct row rows[] = {
	{ "TCP on IPv4 to the real", IPPROTO_TCP, false, false, false },
	{ "UDP on IPv4 to the real", IPPROTO_UDP, false, false, false },
	{ "UDP without a checksum stays without", IPPROTO_UDP, false, false, true },
	{ "TCP on IPv6 to the real", IPPROTO_TCP, true, false, false },
	{ "UDP on IPv6 to the real", IPPROTO_UDP, true, false, false },
	{ "TCP on IPv4 to the client", IPPROTO_TCP, false, true, false },
	{ "UDP on IPv4 to the client", IPPROTO_UDP, false, true, false },
	{ "TCP on IPv6 to the client", IPPROTO_TCP, true, true, false },
	{ "UDP on IPv6 to the client", IPPROTO_UDP, true, true, false },
};

static void add_returns(const struct lb_case *lb, __u8 proto)
{
	struct lb_return4_key key4 = { .port = htons(80), .proto = proto };
	struct lb_return6_key key6 = { .proto = proto }; /* every port */
	struct lb_address vip;

	assert_int_equal(inet_pton(AF_INET, REAL4, &key4.addr), 1);
	assert_int_equal(inet_pton(AF_INET, VIP4, &vip), 1);
	assert_int_equal(
		bpf_map_update_elem(lb_case_map(lb, LB_RETURNS4_NAME), &key4, &vip, BPF_ANY), 0);
	assert_int_equal(inet_pton(AF_INET6, REAL6, key6.addr), 1);
	assert_int_equal(inet_pton(AF_INET6, VIP6, &vip), 1);
	assert_int_equal(
		bpf_map_update_elem(lb_case_map(lb, LB_RETURNS6_NAME), &key6, &vip, BPF_ANY), 0);
}

static void open_case(struct lb_case *lb, __u8 proto)
{
	struct lb_case_vip vip = { .addr = VIP4, .port = 80, .proto = proto };

	lb_case_open(lb);
	lb_case_load(lb, NULL);
	lb_case_real(lb, 1, REAL4, 0);
	lb_case_real(lb, 2, REAL6, 0);
	lb_case_ring_of(lb, 0, 1);
	lb_case_ring_of(lb, 1, 2);
	vip.vip = (struct lb_vip){ .number = 0, .encap = LB_REWRITE, .has_ring = 1 };
	lb_case_vip(lb, &vip);
	vip.addr = VIP6;
	vip.vip.number = 1;
	lb_case_vip(lb, &vip);
	add_returns(lb, proto);
	lb->control.flags |= LB_HAS_RETURNS;
	lb_case_control(lb);
}

/* The packet before its addresses are rewritten, or after. */
static void build(const struct row *row, struct packet *p, bool is_rewritten)
{
	const char *real = row->is_ip6 ? REAL6 : REAL4, *vip = row->is_ip6 ? VIP6 : VIP4;
	const char *client = row->is_ip6 ? CLIENT6 : CLIENT4;
	const char *server = is_rewritten == row->is_answer ? vip : real;
	const char *src = row->is_answer ? server : client, *dst = row->is_answer ? client : server;
	__u16 sport = row->is_answer ? 80 : 31337, dport = row->is_answer ? 31337 : 80;

	packet_start(p, "hello", 5);
	if (row->proto == IPPROTO_TCP)
		packet_tcp(p, sport, dport, TCP_ACK);
	else
		packet_udp(p, sport, dport);
	if (row->has_no_check)
		p->sum_proto = 0;
	if (row->is_ip6)
		packet_ip6(p, &(struct packet_ip6){ .src = src, .dst = dst });
	else
		packet_ip4(p, &(struct packet_ip4){ .src = src, .dst = dst });
	packet_eth(p);
	if (is_rewritten)
		memcpy(packet_bytes(p), FROM_CLIENT, 12);
}

static void run_row(void **state)
{
	const struct row *row = *state;
	struct packet before, after;
	struct progrun run = {};
	struct lb_case lb;

	open_case(&lb, row->proto);
	build(row, &before, false);
	build(row, &after, true);
	lb_case_run(&lb, &before, &run);
	assert_int_equal(run.verdict, XDP_TX);
	assert_int_equal(run.len, after.len);
	assert_memory_equal(run.bytes, packet_bytes(&after), after.len);
	if (row->is_answer)
		assert_int_equal(lb_case_count(&lb, LB_RETURNED), 1);
	lb_case_close(&lb);
}

/* What a real answers to this host, not to a client: a health check of it, or a person's. */
static void run_answer_to_host(const char *own, bool is_ip6)
{
	struct progrun run = {};
	struct lb_case lb;
	struct packet p;

	open_case(&lb, IPPROTO_TCP);
	packet_start(&p, "hello", 5);
	packet_tcp(&p, 80, 31337, TCP_ACK);
	if (is_ip6)
		packet_ip6(&p, &(struct packet_ip6){ .src = REAL6, .dst = own });
	else
		packet_ip4(&p, &(struct packet_ip4){ .src = REAL4, .dst = own });
	packet_eth(&p);
	lb_case_run(&lb, &p, &run);
	assert_int_equal(run.verdict, XDP_PASS);
	assert_int_equal(run.len, p.len);
	assert_memory_equal(run.bytes, packet_bytes(&p), p.len);
	assert_int_equal(lb_case_count(&lb, LB_RETURNED), 0);
	lb_case_close(&lb);
}

static void what_answers_this_host_is_left_alone(void **state)
{
	(void)state;
	run_answer_to_host(LB_CASE_SOURCE4, false);
	run_answer_to_host(LB_CASE_SOURCE6, true);
}

/* An ICMP error about a packet that the real sent as @server, from a router to @server. */
static void build_error(struct packet *p, const char *server, bool is_rewritten)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 80, 31337, TCP_ACK);
	/* What was on its way had the VIP's checksum: that nobody rewrites. */
	p->sum_proto = 0;
	packet_ip4(p, &(struct packet_ip4){ .src = server, .dst = CLIENT4 });
	packet_icmp(p, 3, 3);
	packet_ip4(p, &(struct packet_ip4){ .src = "198.51.100.1", .dst = server });
	packet_eth(p);
	if (is_rewritten)
		memcpy(packet_bytes(p), FROM_CLIENT, 12);
}

static void build_error6(struct packet *p, const char *server, bool is_rewritten)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 80, 31337, TCP_ACK);
	p->sum_proto = 0;
	packet_ip6(p, &(struct packet_ip6){ .src = server, .dst = CLIENT6 });
	packet_icmp6(p, 1, 4);
	packet_ip6(p, &(struct packet_ip6){ .src = "2001:db8:9::1", .dst = server });
	packet_eth(p);
	if (is_rewritten)
		memcpy(packet_bytes(p), FROM_CLIENT, 12);
}

static void assert_rewritten(struct packet *before, struct packet *after)
{
	struct progrun run = {};
	struct lb_case lb;

	open_case(&lb, IPPROTO_TCP);
	lb_case_run(&lb, before, &run);
	assert_int_equal(run.verdict, XDP_TX);
	assert_int_equal(run.len, after->len);
	assert_memory_equal(run.bytes, packet_bytes(after), after->len);
	lb_case_close(&lb);
}

static void an_error_is_rewritten_outside_and_inside(void **state)
{
	struct packet before, after;

	(void)state;
	build_error(&before, VIP4, false);
	build_error(&after, REAL4, true);
	assert_rewritten(&before, &after);
	build_error6(&before, VIP6, false);
	build_error6(&after, REAL6, true);
	assert_rewritten(&before, &after);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, run_row, rows);
	TAP_ADD(&plan, what_answers_this_host_is_left_alone, NULL, NULL);
	TAP_ADD(&plan, an_error_is_rewritten_outside_and_inside, NULL, NULL);
	return tap_run(&plan, "lb_rewrite", 1);
}
