/* SPDX-License-Identifier: GPL-2.0-only */
/* lb: tunnels that end here, whole and broken, and what is counted of them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "tests/support/lb_case.h"
#include "tests/support/tap.h"

#define TCP_ACK 0x10
#define ETH_LEN 14

#define VIP4 "203.0.113.1"
#define VIP6 "2001:db8:113::1"
#define CLIENT4 "198.51.100.9"
#define CLIENT6 "2001:db8:9::9"
#define TUNNEL4 "203.0.113.250"
#define TUNNEL6 "2001:db8:113::fa"
#define PEER4 "198.51.100.200"
#define PEER6 "2001:db8:9::200"
#define GUE_PORT 9886

enum {
	REAL4 = 1,
	REAL6 = 2
};

static const struct packet_ip4 inner4 = { .src = CLIENT4, .dst = VIP4 };
static const struct packet_ip6 inner6 = { .src = CLIENT6, .dst = VIP6 };
static const struct packet_ip4 outer4 = { .src = PEER4, .dst = TUNNEL4 };
static const struct packet_ip6 outer6 = { .src = PEER6, .dst = TUNNEL6 };

/* --- packets in ------------------------------------------------------------------------------ */

static void start4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip4(p, &inner4);
}

static void start6(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip6(p, &inner6);
}

static void ip4_in_ip4(struct packet *p)
{
	start4(p);
	packet_ip4(p, &outer4);
	packet_eth(p);
}

static void ip6_in_ip6(struct packet *p)
{
	start6(p);
	packet_ip6(p, &outer6);
	packet_eth(p);
}

static void ip4_in_ip6(struct packet *p)
{
	start4(p);
	packet_ip6(p, &outer6);
	packet_eth(p);
}

static void ip6_in_ip4(struct packet *p)
{
	start6(p);
	packet_ip4(p, &outer4);
	packet_eth(p);
}

static void gue4(struct packet *p)
{
	start4(p);
	packet_udp(p, 4000, GUE_PORT);
	packet_ip4(p, &outer4);
	packet_eth(p);
}

static void gue6(struct packet *p)
{
	start6(p);
	packet_udp(p, 4000, GUE_PORT);
	packet_ip6(p, &outer6);
	packet_eth(p);
}

static void own4(struct packet *p)
{
	start4(p);
	packet_ip4(p, &(struct packet_ip4){ .src = PEER4, .dst = LB_CASE_SOURCE4 });
	packet_eth(p);
}

static void own6(struct packet *p)
{
	start6(p);
	packet_ip6(p, &(struct packet_ip6){ .src = PEER6, .dst = LB_CASE_SOURCE6 });
	packet_eth(p);
}

static void tagged(struct packet *p)
{
	start4(p);
	packet_ip4(p, &outer4);
	packet_vlan(p, 100, 0x8100);
	packet_eth(p);
}

static void outer_options(struct packet *p)
{
	struct packet_ip4 ip = outer4;

	ip.options_len = 4;
	start4(p);
	packet_ip4(p, &ip);
	packet_eth(p);
}

static void inner_options(struct packet *p)
{
	struct packet_ip4 ip = inner4;

	ip.options_len = 4;
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip4(p, &ip);
	packet_ip4(p, &outer4);
	packet_eth(p);
}

static void outer_part(struct packet *p)
{
	struct packet_ip4 ip = outer4;

	ip.fragment = 0x2000;
	start4(p);
	packet_ip4(p, &ip);
	packet_eth(p);
}

static void outer_part6(struct packet *p)
{
	start6(p);
	packet_ip6_fragment(p, 0, true);
	packet_ip6(p, &outer6);
	packet_eth(p);
}

static void inner_part(struct packet *p)
{
	struct packet_ip4 ip = inner4;

	ip.fragment = 0x2000;
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip4(p, &ip);
	packet_ip6(p, &outer6);
	packet_eth(p);
}

/* What Linux's ip6_tunnel puts there unless told not to. */
static void limited(struct packet *p)
{
	start6(p);
	packet_ip6_ext(p, IPPROTO_DSTOPTS, 8);
	packet_ip6(p, &outer6);
	packet_eth(p);
}

static void deep(struct packet *p, int tunnels)
{
	start4(p);
	while (tunnels--)
		packet_ip4(p, &outer4);
	packet_eth(p);
}

static void four_deep(struct packet *p)
{
	deep(p, 4);
}

static void five_deep(struct packet *p)
{
	deep(p, 5);
}

static void expired4(struct packet *p)
{
	struct packet_ip4 ip = inner4;

	ip.ttl = 1;
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip4(p, &ip);
	packet_ip4(p, &outer4);
	packet_eth(p);
}

/* As no sender sends it: it may not begin anew at 255. */
static void expired_before4(struct packet *p)
{
	ip4_in_ip4(p);
	packet_bytes(p)[ETH_LEN + 20 + 8] = 0;
}

static void expired_before6(struct packet *p)
{
	ip6_in_ip6(p);
	packet_bytes(p)[ETH_LEN + 40 + 7] = 0;
}

static void other_gue(struct packet *p)
{
	packet_start(p, "\x04\x00\x00\x00 and more of it than a header", 32);
	packet_udp(p, 4000, GUE_PORT);
	packet_ip4(p, &outer4);
	packet_eth(p);
}

static void empty_gue(struct packet *p)
{
	packet_start(p, "", 0);
	packet_udp(p, 4000, GUE_PORT);
	packet_ip6(p, &outer6);
	packet_eth(p);
}

static void error_about_a_tunnel(struct packet *p)
{
	start4(p);
	packet_ip4(p, &(struct packet_ip4){ .src = TUNNEL4, .dst = PEER4 });
	packet_icmp(p, 3, 1);
	packet_ip4(p, &(struct packet_ip4){ .src = PEER4, .dst = VIP4 });
	packet_eth(p);
}

/* --- cases ----------------------------------------------------------------------------------- */

struct row {
	const char *name;
	void (*build)(struct packet *p);
	enum lb_counter end;
	int opened; /* outer headers that were taken off */
	enum lb_counter event;
};

static const struct row rows[] = {
	{ "IPv4 in IPv4 is balanced", ip4_in_ip4, LB_SENT4, 1, LB_DECAP4 },
	{ "IPv6 in IPv6 is balanced", ip6_in_ip6, LB_SENT6, 1, LB_DECAP6 },
	{ "IPv4 in IPv6 is balanced", ip4_in_ip6, LB_SENT4, 1, LB_DECAP6 },
	{ "IPv6 in IPv4 is balanced", ip6_in_ip4, LB_SENT6, 1, LB_DECAP4 },
	{ "GUE over IPv4 is balanced", gue4, LB_SENT4, 1, LB_DECAP4 },
	{ "GUE over IPv6 is balanced", gue6, LB_SENT6, 1, LB_DECAP6 },
	{ "what comes to this host's IPv4 address is passed", own4, LB_HERE, 1, LB_DECAP4 },
	{ "what comes to this host's IPv6 address is passed", own6, LB_HERE, 1, LB_DECAP6 },
	{ "a tunnel behind a tag is left alone", tagged, LB_NOT_IP, 0, LB_DECAP4 },
	{ "a tunnel with options is dropped", outer_options, LB_OPTIONS, 0, LB_DECAP4 },
	{ "options in a tunnel are dropped", inner_options, LB_OPTIONS, 1, LB_DECAP4 },
	{ "a part of a tunnel's packet is dropped", outer_part, LB_FRAGMENT, 0, LB_DECAP4 },
	{ "a part of a tunnel's IPv6 packet is dropped", outer_part6, LB_FRAGMENT, 0, LB_DECAP6 },
	{ "a part in a tunnel is dropped", inner_part, LB_FRAGMENT, 1, LB_DECAP6 },
	{ "a tunnel with an encapsulation limit passes", limited, LB_NOT_BALANCED, 0, LB_DECAP6 },
	{ "four tunnels, one in another, are taken apart", four_deep, LB_SENT4, 4, LB_DECAP4 },
	{ "the fifth is not", five_deep, LB_NOT_BALANCED, 4, LB_DECAP4 },
	{ "a time to live that ends is dropped", expired4, LB_EXPIRED, 1, LB_DECAP4 },
	{ "one that ended before is dropped", expired_before4, LB_EXPIRED, 1, LB_DECAP4 },
	{ "a hop limit that ended before is dropped", expired_before6, LB_EXPIRED, 1, LB_DECAP6 },
	{ "GUE of another kind passes", other_gue, LB_NOT_A_VIP, 0, LB_DECAP4 },
	{ "GUE around nothing passes", empty_gue, LB_NOT_A_VIP, 0, LB_DECAP6 },
	{ "an error about a tunnel's packet passes", error_about_a_tunnel, LB_NOT_BALANCED, 0,
	  LB_DECAP4 },
};

static struct lb_case lb;

static void add_tunnel(const char *text)
{
	struct lb_address address = { .addr = { [10] = 0xff, [11] = 0xff } };
	__u8 one = 1;

	if (inet_pton(AF_INET, text, address.addr + 12) != 1)
		assert_int_equal(inet_pton(AF_INET6, text, address.addr), 1);
	assert_int_equal(
		bpf_map_update_elem(lb_case_map(&lb, LB_TUNNELS_NAME), &address, &one, BPF_ANY), 0);
}

/* Loaded once: the verifier takes a second for it. */
static void start(void)
{
	static const struct lb_config config = { .decap = true,
						 .tcp_option_kind = 0xb7,
						 .mtu = 1500 };
	struct lb_case_vip vip = { .addr = VIP4, .port = 80, .proto = IPPROTO_TCP };

	if (lb.object)
		return;
	lb_case_open(&lb);
	lb_case_load(&lb, &config);
	lb_case_real(&lb, REAL4, "192.0.2.1", 0);
	lb_case_real(&lb, REAL6, "2001:db8::2", 0);
	vip.vip = (struct lb_vip){ .number = 0, .has_ring = 1 };
	lb_case_ring_of(&lb, 0, REAL4);
	lb_case_vip(&lb, &vip);
	vip.addr = VIP6;
	vip.vip.number = 1;
	lb_case_ring_of(&lb, 1, REAL6);
	lb_case_vip(&lb, &vip);
	add_tunnel(TUNNEL4);
	add_tunnel(TUNNEL6);
	lb.control.flags |= LB_HAS_TUNNELS;
	lb_case_control(&lb);
}

static __u64 count_opened(void)
{
	return lb_case_count(&lb, LB_DECAP4) + lb_case_count(&lb, LB_DECAP6);
}

static void run_row(void **state)
{
	const struct row *row = *state;
	__u64 end, event, opened;
	struct progrun run;
	struct packet p;

	start();
	end = lb_case_count(&lb, row->end);
	event = lb_case_count(&lb, row->event);
	opened = count_opened();
	row->build(&p);
	lb_case_run(&lb, &p, &run);
	assert_int_equal(lb_case_count(&lb, row->end) - end, 1);
	assert_int_equal(lb_case_count(&lb, row->event) - event, row->opened);
	assert_int_equal(count_opened() - opened, row->opened);
	if (!row->opened) {
		assert_int_equal(run.len, p.len);
		assert_memory_equal(run.bytes, packet_bytes(&p), p.len);
	}
}

/* Each of its lengths: what is cut short ends somewhere, and nothing is read behind it. */
static void cut_short(void (*build)(struct packet *p), size_t whole)
{
	struct progrun run;
	struct packet p;
	size_t len;

	for (len = ETH_LEN; len < whole; len++) {
		__u64 sent = lb_case_count(&lb, LB_SENT4) + lb_case_count(&lb, LB_SENT6);

		build(&p);
		packet_cut(&p, len);
		lb_case_run(&lb, &p, &run);
		assert_true(run.verdict == XDP_PASS || run.verdict == XDP_DROP);
		assert_int_equal(lb_case_count(&lb, LB_SENT4) + lb_case_count(&lb, LB_SENT6), sent);
	}
}

static void what_is_cut_short_is_not_sent(void **state)
{
	(void)state;
	start();
	cut_short(ip4_in_ip4, ETH_LEN + 20 + 20 + 20);
	cut_short(ip4_in_ip6, ETH_LEN + 40 + 20 + 20);
	cut_short(ip6_in_ip4, ETH_LEN + 20 + 40 + 20);
	cut_short(ip6_in_ip6, ETH_LEN + 40 + 40 + 20);
	cut_short(gue4, ETH_LEN + 20 + 8 + 20 + 20);
	cut_short(gue6, ETH_LEN + 40 + 8 + 40 + 20);
	cut_short(own4, ETH_LEN + 20 + 20);
	cut_short(own6, ETH_LEN + 40 + 40);
}

/* Every time to live and identification: the header's checksum is right afterwards. */
static void the_checksum_stays_right(void **state)
{
	struct progrun run;
	struct packet p;
	unsigned int i;

	(void)state;
	start();
	for (i = 0; i < 0x10000; i += 1 + i % 7) {
		unsigned char *ip;
		uint16_t sum;

		own4(&p);
		ip = packet_bytes(&p) + ETH_LEN + 20;
		ip[4] = (unsigned char)(i >> 8);
		ip[5] = (unsigned char)i;
		ip[8] = (unsigned char)(2 + i % 254);
		memset(ip + 10, 0, 2);
		sum = packet_sum_fold(packet_sum(0, ip, 20));
		ip[10] = (unsigned char)(sum >> 8);
		ip[11] = (unsigned char)sum;
		lb_case_run(&lb, &p, &run);
		assert_int_equal(run.verdict, XDP_PASS);
		assert_int_equal(run.bytes[ETH_LEN + 8], 1 + i % 254);
		assert_int_equal(packet_sum_fold(packet_sum(0, run.bytes + ETH_LEN, 20)), 0);
	}
}

/* An address that is not set is nobody's: nothing is taken apart for it. */
static void without_addresses_nothing_is_taken_apart(void **state)
{
	struct lb_control saved;
	struct progrun run;
	struct packet p;
	__u64 opened;

	(void)state;
	start();
	saved = lb.control;
	opened = count_opened();
	memset(lb.control.source4, 0, sizeof(lb.control.source4));
	memset(lb.control.source6, 0, sizeof(lb.control.source6));
	lb.control.flags &= ~(__u32)LB_HAS_TUNNELS;
	lb_case_control(&lb);
	start4(&p);
	packet_ip4(&p, &(struct packet_ip4){ .src = PEER4, .dst = "0.0.0.0" });
	packet_eth(&p);
	lb_case_run(&lb, &p, &run);
	start6(&p);
	packet_ip6(&p, &(struct packet_ip6){ .src = PEER6, .dst = "::" });
	packet_eth(&p);
	lb_case_run(&lb, &p, &run);
	own4(&p);
	lb_case_run(&lb, &p, &run);
	ip6_in_ip6(&p);
	lb_case_run(&lb, &p, &run);
	assert_int_equal(count_opened(), opened);
	lb.control = saved;
	lb_case_control(&lb);
}

int main(void)
{
	struct tap_plan plan = {};
	int status;

	TAP_ADD_TABLE(&plan, run_row, rows);
	TAP_ADD(&plan, what_is_cut_short_is_not_sent, NULL, NULL);
	TAP_ADD(&plan, the_checksum_stays_right, NULL, NULL);
	TAP_ADD(&plan, without_addresses_nothing_is_taken_apart, NULL, NULL);
	status = tap_run(&plan, "lb decap", 1);
	if (lb.object)
		lb_case_close(&lb);
	return status;
}
