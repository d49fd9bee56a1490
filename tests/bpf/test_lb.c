/* SPDX-License-Identifier: GPL-2.0-only */
/* lb: what becomes of one packet, byte for byte and counted. */
#include <netinet/in.h>
#include <string.h>

#include <linux/bpf.h>

#include "tests/support/lb_case.h"
#include "tests/support/tap.h"

#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define VIP4 "203.0.113.1"
#define VIP6 "2001:db8:113::1"
#define CLIENT4 "198.51.100.9"
#define CLIENT6 "2001:db8:9::9"

enum {
	REAL4 = 1,
	REAL6 = 2,
	OTHER4 = 3
};

static const struct packet_ip4 ip4 = { .src = CLIENT4, .dst = VIP4 };
static const struct packet_ip6 ip6 = { .src = CLIENT6, .dst = VIP6 };

/* Packets in. */

static void tcp4_to(struct packet *p, __u16 port, __u8 flags)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, port, flags);
	packet_ip4(p, &ip4);
	packet_eth(p);
}

static void tcp4(struct packet *p)
{
	tcp4_to(p, 80, TCP_ACK);
}

static void tcp6(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip6(p, &ip6);
	packet_eth(p);
}

static void udp4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 31337, 53);
	packet_ip4(p, &ip4);
	packet_eth(p);
}

static void udp6(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 31337, 53);
	packet_ip6(p, &ip6);
	packet_eth(p);
}

static void other_port(struct packet *p)
{
	tcp4_to(p, 443, TCP_ACK);
}

static void other_address(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip4(p, &(struct packet_ip4){ .src = CLIENT4, .dst = "203.0.113.77" });
	packet_eth(p);
}

static void options4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip4(p, &(struct packet_ip4){ .src = CLIENT4, .dst = VIP4, .options_len = 4 });
	packet_eth(p);
}

static void fragment4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip4(p, &(struct packet_ip4){ .src = CLIENT4, .dst = VIP4, .fragment = 0x2000 });
	packet_eth(p);
}

static void fragment6(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 31337, 53);
	packet_ip6_fragment(p, 0, true);
	packet_ip6(p, &ip6);
	packet_eth(p);
}

static void cut4(struct packet *p)
{
	tcp4(p);
	packet_cut(p, 14 + 20 + 19);
}

static void sized4(struct packet *p, size_t size)
{
	static const char payload[1500 - 40 + 1];

	packet_start(p, payload, size - 40);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip4(p, &ip4);
	packet_eth(p);
}

static void long4(struct packet *p)
{
	sized4(p, 1501);
}

static void gre4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_ip4(p, &(struct packet_ip4){ .src = CLIENT4, .dst = VIP4, .proto = IPPROTO_GRE });
	packet_eth(p);
}

/* What a packet must come to: the outer headers in full, the inner packet as it was. */

struct lb_row {
	const char *name;
	void (*build)(struct packet *p);
	__u8 encap;
	__u32 real;
	const char *link; /* NULL: the packet stays as it is */
	const unsigned char *outer;
	size_t outer_len;
	enum lb_counter end;
};

/* As frames leave: to the gateway, from where they came to. */
#define LINK4 LB_CASE_GATEWAY PACKET_MAC_DST "\x08\x00"
#define LINK6 LB_CASE_GATEWAY PACKET_MAC_DST "\x86\xdd"

#define OUTER(...)                                                                                 \
	.outer = (const unsigned char[]){ __VA_ARGS__ },                                           \
	.outer_len = sizeof((const unsigned char[]){ __VA_ARGS__ })
/* 172.16 and the client's last bytes, 100 and 9, XOR 0x69 and 0x7a, which is the port turned. */
#define SOURCE4 172, 16, 100 ^ 0x69, 9 ^ 0x7a
#define DEST4 192, 0, 2, 10
#define SOURCE6(a, b, c, d) 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d
#define GUE_SOURCE6 0x20, 1, 0xd, 0xb8, 0x23, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0x13, 0x37
#define DEST6 0x20, 1, 0xd, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10
/* Checksums, which stand as 0 here, are checked by summing up. */
#define IP4(len, proto) 0x45, 0, 0, len, 0, 0, 0, 0, 64, proto, 0, 0
#define IP6(len, proto) 0x60, 0, 0, 0, 0, len, proto, 64
#define GUE(a, b, len) a, b, 9886 >> 8, 9886 & 0xff, 0, len, 0, 0

static const struct lb_row rows[] = {
	{ "an IPv4 packet goes to an IPv4 real in IPv4", tcp4, LB_IPIP, REAL4, LINK4,
	  OUTER(IP4(65, 4), SOURCE4, DEST4), LB_SENT4 },
	{ "an IPv4 packet goes to an IPv6 real in IPv6", tcp4, LB_IPIP, REAL6, LINK6,
	  OUTER(IP6(45, 4), SOURCE6(198 ^ 0x7a, 51 ^ 0x69, 100, 9), DEST6), LB_SENT6 },
	{ "an IPv6 packet goes to an IPv6 real in IPv6", tcp6, LB_IPIP, REAL6, LINK6,
	  OUTER(IP6(65, 41), SOURCE6(0x7a, 0x69, 0, 9), DEST6), LB_SENT6 },
	{ "UDP is balanced as TCP is", udp4, LB_IPIP, REAL4, LINK4,
	  OUTER(IP4(53, 4), SOURCE4, DEST4), LB_SENT4 },
	{ "an IPv4 packet goes in GUE over IPv4", udp4, LB_GUE, REAL4, LINK4,
	  OUTER(IP4(61, 17), 192, 0, 2, 37, DEST4, GUE(100 ^ 0x69, 9 ^ 0x7a, 41)), LB_SENT4 },
	{ "an IPv4 packet goes in GUE over IPv6", udp4, LB_GUE, REAL6, LINK6,
	  OUTER(IP6(41, 17), GUE_SOURCE6, DEST6, GUE(100 ^ 0x7a, 9 ^ 0x69, 41)), LB_SENT6 },
	{ "an IPv6 packet goes in GUE over IPv6", udp6, LB_GUE, REAL6, LINK6,
	  OUTER(IP6(61, 17), GUE_SOURCE6, DEST6, GUE(0x7a, 9 ^ 9 ^ 0x69, 61)), LB_SENT6 },
	{ "TCP goes in GUE over IPv6", tcp6, LB_GUE, REAL6, LINK6,
	  OUTER(IP6(73, 17), GUE_SOURCE6, DEST6, GUE(0x7a, 0x69, 73)), LB_SENT6 },
	{ "on the same segment only the MAC addresses change", tcp4, LB_L2, REAL4, LINK4, NULL, 0,
	  LB_SENT4 },
	{ "an IPv6 packet does not fit an IPv4 real", tcp6, LB_IPIP, REAL4, NULL, NULL, 0,
	  LB_MIXED_FAMILY },
	{ "another port is no VIP", other_port, LB_IPIP, REAL4, NULL, NULL, 0, LB_NOT_A_VIP },
	{ "another address is no VIP", other_address, LB_IPIP, REAL4, NULL, NULL, 0, LB_NOT_A_VIP },
	{ "IPv4 options are dropped", options4, LB_IPIP, REAL4, NULL, NULL, 0, LB_OPTIONS },
	{ "an IPv4 fragment is dropped", fragment4, LB_IPIP, REAL4, NULL, NULL, 0, LB_FRAGMENT },
	{ "an IPv6 fragment is dropped", fragment6, LB_IPIP, REAL4, NULL, NULL, 0, LB_FRAGMENT },
	{ "a cut TCP header is dropped", cut4, LB_IPIP, REAL4, NULL, NULL, 0, LB_BAD_HEADER },
	{ "what does not fit is dropped", long4, LB_IPIP, REAL4, NULL, NULL, 0, LB_TOO_LONG },
	{ "GRE passes", gre4, LB_IPIP, REAL4, NULL, NULL, 0, LB_NOT_BALANCED },
	{ "a ring without a real drops", tcp4, LB_IPIP, 0, NULL, NULL, 0, LB_NO_REAL },
	{ "a ring with an unknown real drops", tcp4, LB_IPIP, 9, NULL, NULL, 0, LB_UNKNOWN_REAL },
};

/* VIPs 0 to 3 of all that rows need, with one ring that has @real in every entry. */
static void open_case(struct lb_case *lb, const struct lb_vip *vip, __u32 entry)
{
	struct lb_case_vip specs[] = {
		{ .addr = VIP4, .port = 80, .proto = IPPROTO_TCP },
		{ .addr = VIP4, .port = 53, .proto = IPPROTO_UDP },
		{ .addr = VIP6, .port = 80, .proto = IPPROTO_TCP },
		{ .addr = VIP6, .port = 53, .proto = IPPROTO_UDP },
	};
	size_t i;

	lb_case_open(lb);
	lb_case_load(lb, NULL);
	lb_case_real(lb, REAL4, "192.0.2.10", 0);
	lb_case_real(lb, REAL6, "2001:db8:2::10", 0);
	lb_case_real(lb, OTHER4, "192.0.2.11", 0);
	lb_case_ring_of(lb, 0, entry);
	for (i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		specs[i].vip = *vip;
		specs[i].vip.has_ring = 1;
		lb_case_vip(lb, &specs[i]);
	}
}

/* The sum over @len bytes and, for UDP, its pseudo header: nothing is left of a right one. */
static void assert_sum(const unsigned char *bytes, size_t len, uint32_t pseudo)
{
	assert_int_equal(packet_sum_fold(packet_sum(pseudo, bytes, len)), 0);
}

static void assert_outer(const struct lb_row *row, unsigned char *out, size_t len)
{
	bool is_ip6 = row->outer_len && row->outer[0] == 0x60;
	size_t ip_len = is_ip6 ? 40 : 20;

	if (row->outer_len && !is_ip6) {
		assert_sum(out, ip_len, 0);
		memset(out + 10, 0, 2);
	}
	if (is_ip6 && row->outer_len > ip_len) {
		assert_sum(out + ip_len, len - ip_len,
			   packet_sum(IPPROTO_UDP + (uint32_t)(len - ip_len), out + 8, 32));
		memset(out + ip_len + 6, 0, 2);
	}
	assert_memory_equal(out, row->outer, row->outer_len);
}

static void run_row(void **state)
{
	const struct lb_row *row = *state;
	struct lb_vip vip = { .encap = row->encap };
	struct progrun run = {};
	struct lb_case lb;
	struct packet p;
	size_t head;

	open_case(&lb, &vip, row->real);
	row->build(&p);
	lb_case_run(&lb, &p, &run);

	assert_int_equal(lb_case_count(&lb, row->end), 1);
	assert_int_equal(run.verdict, row->end >= LB_FIRST_DROP ? XDP_DROP :
				      row->end >= LB_FIRST_SENT ? XDP_TX :
								  XDP_PASS);
	assert_int_equal(run.len, p.len + row->outer_len);
	if (!row->link) {
		assert_memory_equal(run.bytes, packet_bytes(&p), p.len);
		lb_case_close(&lb);
		return;
	}
	head = 14 + row->outer_len;
	assert_memory_equal(run.bytes, row->link, 14);
	assert_memory_equal(run.bytes + head, packet_bytes(&p) + 14, p.len - 14);
	assert_outer(row, run.bytes + 14, run.len - 14);
	lb_case_close(&lb);
}

static void what_is_sent_although_longer_is_counted(void **state)
{
	static const struct {
		__u8 encap;
		__u32 real;
		size_t fits; /* bytes of IP, with the outer headers 1500 */
	} ways[] = {
		{ LB_IPIP, REAL4, 1480 },
		{ LB_IPIP, REAL6, 1460 },
		{ LB_GUE, REAL4, 1472 },
		{ LB_GUE, REAL6, 1452 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct lb_vip vip = { .encap = ways[i].encap };
		struct progrun run = {};
		struct lb_case lb;
		struct packet p;

		open_case(&lb, &vip, ways[i].real);
		sized4(&p, ways[i].fits);
		lb_case_run(&lb, &p, &run);
		assert_int_equal(lb_case_count(&lb, LB_SENT_LONG), 0);
		sized4(&p, ways[i].fits + 1);
		lb_case_run(&lb, &p, &run);
		assert_int_equal(run.verdict, XDP_TX);
		assert_int_equal(lb_case_count(&lb, LB_SENT_LONG), 1);
		lb_case_close(&lb);
	}
}

/* The flow table. */

/* Sends a packet and returns the index of the real that it went to, by its outer address. */
static __u32 send_to(const struct lb_case *lb, __u16 port, __u8 flags)
{
	struct progrun run = {};
	struct packet p;

	tcp4_to(&p, port, flags);
	lb_case_run(lb, &p, &run);
	assert_int_equal(run.verdict, XDP_TX);
	return run.bytes[14 + 19] == 10 ? REAL4 : OTHER4;
}

static void table_keeps_flows_when_the_ring_changes(void **state)
{
	struct lb_vip vip = {};
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, REAL4);
	assert_int_equal(send_to(&lb, 80, TCP_SYN), REAL4);
	lb_case_ring_of(&lb, 0, OTHER4);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), REAL4);
	assert_int_equal(lb_case_count(&lb, LB_TABLE_MISSES), 1);
	assert_int_equal(send_to(&lb, 80, TCP_SYN), OTHER4);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), OTHER4);
	lb_case_close(&lb);
}

static void table_forgets_a_real_whose_index_was_given_away(void **state)
{
	struct lb_vip vip = {};
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, REAL4);
	assert_int_equal(send_to(&lb, 80, TCP_SYN), REAL4);
	lb_case_ring_of(&lb, 0, OTHER4);
	lb_case_real_epoch(&lb, REAL4, 1);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), OTHER4);
	lb_case_close(&lb);
}

static void table_does_not_record_a_reset(void **state)
{
	struct lb_vip vip = {};
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, REAL4);
	assert_int_equal(send_to(&lb, 80, TCP_RST), REAL4);
	lb_case_ring_of(&lb, 0, OTHER4);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), OTHER4);
	lb_case_close(&lb);
}

static void table_is_left_alone_in_a_flood(void **state)
{
	struct lb_vip vip = {};
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, REAL4);
	lb.control.new_flows_max = 0;
	lb_case_control(&lb);
	assert_int_equal(send_to(&lb, 80, TCP_SYN), REAL4);
	assert_int_equal(lb_case_count(&lb, LB_FLOODED), 1);
	lb_case_ring_of(&lb, 0, OTHER4);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), OTHER4);
	lb_case_close(&lb);
}

/* Transitions. */

#define NEVER (~0ULL)

static void transitions_leave_the_table_alone_in_steady_state(void **state)
{
	struct lb_vip vip = { .table = LB_TABLE_TRANSITIONS };
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, REAL4);
	assert_int_equal(send_to(&lb, 80, TCP_SYN), REAL4);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), REAL4);
	assert_int_equal(lb_case_count(&lb, LB_TABLE_PACKETS), 0);
	lb_case_close(&lb);
}

static void transitions_keep_old_connections_and_record_new_ones(void **state)
{
	struct lb_vip vip = { .table = LB_TABLE_TRANSITIONS, .previous_until = NEVER };
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, OTHER4 | LB_ENTRY_TABLE | LB_ENTRY_PREVIOUS);
	lb_case_previous(&lb, 0, REAL4);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), REAL4);
	assert_int_equal(lb_case_count(&lb, LB_TO_PREVIOUS), 1);
	assert_int_equal(send_to(&lb, 80, TCP_SYN), OTHER4);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), OTHER4);
	lb_case_close(&lb);
}

static void transitions_know_no_record_of_an_earlier_era(void **state)
{
	struct lb_vip vip = { .table = LB_TABLE_TRANSITIONS };
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, REAL4 | LB_ENTRY_TABLE | LB_ENTRY_ERA_ONE);
	assert_int_equal(send_to(&lb, 80, TCP_SYN), REAL4);
	lb_case_ring_of(&lb, 0, OTHER4 | LB_ENTRY_TABLE | LB_ENTRY_ERA_ONE);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), REAL4);
	lb_case_ring_of(&lb, 0, OTHER4 | LB_ENTRY_TABLE | 2 * LB_ENTRY_ERA_ONE);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), OTHER4);
	lb_case_close(&lb);
}

static void transitions_end(void **state)
{
	struct lb_vip vip = { .table = LB_TABLE_TRANSITIONS, .previous_until = 1 };
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, OTHER4 | LB_ENTRY_TABLE | LB_ENTRY_PREVIOUS);
	lb_case_previous(&lb, 0, REAL4);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), OTHER4);
	lb_case_close(&lb);
}

static void a_port_of_all_ports_counts_only_where_the_vip_says(void **state)
{
	struct lb_case_vip all = { .addr = VIP4, .proto = IPPROTO_TCP };
	struct lb_vip vip = {};
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, OTHER4);
	all.vip = (struct lb_vip){ .number = 7, .has_ring = 1 };
	lb_case_ring_of(&lb, 7, REAL4);
	lb_case_vip(&lb, &all);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), OTHER4);
	assert_int_equal(send_to(&lb, 443, TCP_SYN), REAL4);
	/* Another port of the same client is the same flow. */
	lb_case_ring_of(&lb, 7, OTHER4);
	assert_int_equal(send_to(&lb, 444, TCP_ACK), REAL4);
	all.vip.flags = LB_BOTH_PORTS;
	lb_case_vip(&lb, &all);
	assert_int_equal(send_to(&lb, 444, TCP_ACK), OTHER4);
	lb_case_close(&lb);
}

static void prefixes_come_after_addresses(void **state)
{
	struct lb_case_vip wide = {
		.addr = "203.0.113.0", .prefix_len = 24, .port = 443, .proto = IPPROTO_TCP
	};
	struct lb_vip vip = {};
	struct lb_case lb;

	(void)state;
	open_case(&lb, &vip, OTHER4);
	wide.vip = (struct lb_vip){ .number = 7, .has_ring = 1 };
	lb_case_ring_of(&lb, 7, REAL4);
	lb_case_vip(&lb, &wide);
	assert_int_equal(send_to(&lb, 80, TCP_ACK), OTHER4);
	assert_int_equal(send_to(&lb, 443, TCP_ACK), REAL4);
	lb_case_close(&lb);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, run_row, rows);
	TAP_ADD(&plan, what_is_sent_although_longer_is_counted, NULL, NULL);
	TAP_ADD(&plan, table_keeps_flows_when_the_ring_changes, NULL, NULL);
	TAP_ADD(&plan, table_forgets_a_real_whose_index_was_given_away, NULL, NULL);
	TAP_ADD(&plan, table_does_not_record_a_reset, NULL, NULL);
	TAP_ADD(&plan, table_is_left_alone_in_a_flood, NULL, NULL);
	TAP_ADD(&plan, transitions_leave_the_table_alone_in_steady_state, NULL, NULL);
	TAP_ADD(&plan, transitions_keep_old_connections_and_record_new_ones, NULL, NULL);
	TAP_ADD(&plan, transitions_know_no_record_of_an_earlier_era, NULL, NULL);
	TAP_ADD(&plan, transitions_end, NULL, NULL);
	TAP_ADD(&plan, a_port_of_all_ports_counts_only_where_the_vip_says, NULL, NULL);
	TAP_ADD(&plan, prefixes_come_after_addresses, NULL, NULL);
	return tap_run(&plan, "lb", 1);
}
