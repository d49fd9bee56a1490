/* SPDX-License-Identifier: GPL-2.0-only */
/* lb_hc: every kind of tunnel that a probe leaves in, byte for byte. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/lb_hc/lb_hc.h"
#include "programs/shared/counts.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define REAL4 "192.0.2.10"
#define REAL6 "2001:db8::10"
#define SOURCE4 "192.0.2.1"
#define SOURCE6 "2001:db8::1"
#define MARK 7
#define GUE_PORT 6080
#define UNCOUNTED (-1)

static const struct packet_ip4 probe4 = { .src = "192.168.1.1", .dst = "198.51.100.80" };
static const struct packet_ip6 probe6 = { .src = "2001:db8:1::203:405", .dst = "2001:db8:2::80" };
static const __u8 gateway[6] = { 2, 0, 0, 0, 0, 0x10 };
static const __u8 own_mac[6] = { 2, 0, 0, 0, 0, 0x20 };
static const __u8 real_mac[6] = { 2, 0, 0, 0, 0, 0x30 };

struct hc_case {
	const char *name;
	void (*build)(struct packet *p);
	void (*expect)(struct packet *p); /* what is sent; NULL: it stays as it is */
	const char *real;		  /* of MARK; NULL: there is none */
	int encap;			  /* enum lb_hc_encap */
	int counter;			  /* enum lb_hc_counter, or UNCOUNTED */
	bool no_mark, no_source, no_control, own_link;
};

/* --- probes ---------------------------------------------------------------------------------- */

static void tcp4(struct packet *p)
{
	packet_start(p, "GET / HTTP/1.0\r\n", 16);
	packet_tcp(p, 31337, 80, 2);
	packet_ip4(p, &probe4);
}

static void tcp6(struct packet *p)
{
	packet_start(p, "GET / HTTP/1.0\r\n", 16);
	packet_tcp(p, 31337, 80, 2);
	packet_ip6(p, &probe6);
}

static void udp6(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 31337, 53);
	packet_ip6(p, &probe6);
}

static void udp4_without_sum(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 31337, 53);
	p->sum_proto = 0;
	packet_ip4(p, &probe4);
}

static void tos4(struct packet *p)
{
	struct packet_ip4 ip = probe4;

	ip.tos = 0xb8;
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, 2);
	packet_ip4(p, &ip);
}

static void ping4(struct packet *p)
{
	packet_start(p, "0123456789", 10);
	packet_icmp(p, 8, 0);
	packet_ip4(p, &probe4);
}

static void ping6(struct packet *p)
{
	packet_start(p, "0123456789", 10);
	packet_icmp6(p, 128, 0);
	packet_ip6(p, &probe6);
}

static void options4(struct packet *p)
{
	struct packet_ip4 ip = probe4;

	ip.options_len = 8;
	packet_start(p, "hello", 5);
	packet_tcp(p, 31337, 80, 2);
	packet_ip4(p, &ip);
}

static void later_part4(struct packet *p)
{
	struct packet_ip4 ip = probe4;

	ip.fragment = 5;
	packet_start(p, "somewhere in the middle!", 24);
	p->proto = IPPROTO_UDP;
	packet_ip4(p, &ip);
}

static void not_ip(struct packet *p)
{
	packet_start(p, "who has 192.0.2.1? tell me, please", 34);
	p->ethertype = ETHERTYPE_ARP;
}

static void wrong_version(struct packet *p)
{
	tcp4(p);
	packet_bytes(p)[0] = 0x65;
}

/* --- outer headers, of which a packet's own checksum code makes the sums ---------------------- */

/* Id 0, which packet_ip4() does not make. */
static void outer4(struct packet *p, uint8_t tos)
{
	struct packet_ip4 spec = { .src = SOURCE4, .dst = REAL4, .tos = tos };
	struct iphdr ip;

	packet_ip4(p, &spec);
	memcpy(&ip, packet_bytes(p), sizeof(ip));
	ip.id = 0;
	ip.check = 0;
	ip.check = htons(packet_sum_fold(packet_sum(0, &ip, sizeof(ip))));
	memcpy(packet_bytes(p), &ip, sizeof(ip));
}

static void outer6(struct packet *p, uint8_t traffic_class)
{
	struct packet_ip6 spec = { .src = SOURCE6, .dst = REAL6, .traffic_class = traffic_class };

	packet_ip6(p, &spec);
}

static void link_layer(struct packet *p)
{
	packet_eth(p);
	memcpy(packet_bytes(p), gateway, ETH_ALEN);
	memcpy(packet_bytes(p) + ETH_ALEN, own_mac, ETH_ALEN);
}

static void tcp4_in_ip4(struct packet *p)
{
	tcp4(p);
	outer4(p, 0);
	link_layer(p);
}

static void tcp4_in_ip4_own_link(struct packet *p)
{
	tcp4(p);
	outer4(p, 0);
	packet_eth(p);
}

static void tcp4_in_ip6(struct packet *p)
{
	tcp4(p);
	outer6(p, 0);
	link_layer(p);
}

static void tcp6_in_ip6(struct packet *p)
{
	tcp6(p);
	outer6(p, 0);
	link_layer(p);
}

static void tos4_in_ip4(struct packet *p)
{
	tos4(p);
	outer4(p, 0xb8);
	link_layer(p);
}

static void tos4_in_ip6(struct packet *p)
{
	tos4(p);
	outer6(p, 0xb8);
	link_layer(p);
}

/* GUE over IPv4 has no checksum; source ports by hand: c.d ^ 31337, bytes swapped over IPv4. */
static void gue4(struct packet *p, uint16_t sport)
{
	packet_udp(p, sport, GUE_PORT);
	p->sum_proto = 0;
	outer4(p, 0);
	link_layer(p);
}

static void gue6(struct packet *p, uint16_t sport)
{
	packet_udp(p, sport, GUE_PORT);
	outer6(p, 0);
	link_layer(p);
}

static void gue6_without_sum(struct packet *p, uint16_t sport)
{
	packet_udp(p, sport, GUE_PORT);
	p->sum_proto = 0;
	outer6(p, 0);
	link_layer(p);
}

static void tcp4_in_gue4(struct packet *p)
{
	tcp4(p);
	gue4(p, 26747);
}

static void tcp4_in_gue6(struct packet *p)
{
	tcp4(p);
	gue6(p, 31592);
}

static void tcp6_in_gue6(struct packet *p)
{
	tcp6(p);
	gue6(p, 0x203 ^ 31337);
}

static void udp6_in_gue6(struct packet *p)
{
	udp6(p);
	gue6(p, 0x203 ^ 31337);
}

static void ping4_in_gue6(struct packet *p)
{
	ping4(p);
	gue6(p, 0x101);
}

static void ping6_in_gue6(struct packet *p)
{
	ping6(p);
	gue6(p, 0x203);
}

static void udp4_without_sum_in_gue6(struct packet *p)
{
	udp4_without_sum(p);
	gue6_without_sum(p, 31592);
}

static void options4_in_gue6(struct packet *p)
{
	options4(p);
	gue6_without_sum(p, 0x101);
}

static void later_part4_in_gue6(struct packet *p)
{
	later_part4(p);
	gue6_without_sum(p, 0x101);
}

static void tcp4_to_mac(struct packet *p)
{
	tcp4(p);
	link_layer(p);
	memcpy(packet_bytes(p), real_mac, ETH_ALEN);
}

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }

static const struct hc_case cases[] = {
	CASE(sends_ip4_in_ip4, tcp4, tcp4_in_ip4, REAL4, LB_HC_IPIP, LB_HC_SENT_IPIP4),
	CASE(sends_ip4_in_ip6, tcp4, tcp4_in_ip6, REAL6, LB_HC_IPIP, LB_HC_SENT_IPIP6),
	CASE(sends_ip6_in_ip6, tcp6, tcp6_in_ip6, REAL6, LB_HC_IPIP, LB_HC_SENT_IPIP6),
	CASE(copies_the_type_of_service, tos4, tos4_in_ip4, REAL4, LB_HC_IPIP, LB_HC_SENT_IPIP4),
	CASE(copies_it_into_the_traffic_class, tos4, tos4_in_ip6, REAL6, LB_HC_IPIP,
	     LB_HC_SENT_IPIP6),
	CASE(sends_ip4_in_gue_over_ip4, tcp4, tcp4_in_gue4, REAL4, LB_HC_GUE, LB_HC_SENT_GUE4),
	CASE(sends_ip4_in_gue_over_ip6, tcp4, tcp4_in_gue6, REAL6, LB_HC_GUE, LB_HC_SENT_GUE6),
	CASE(sends_ip6_in_gue_over_ip6, tcp6, tcp6_in_gue6, REAL6, LB_HC_GUE, LB_HC_SENT_GUE6),
	CASE(sends_udp_in_gue_over_ip6, udp6, udp6_in_gue6, REAL6, LB_HC_GUE, LB_HC_SENT_GUE6),
	CASE(sends_a_ping_in_gue_over_ip6, ping4, ping4_in_gue6, REAL6, LB_HC_GUE, LB_HC_SENT_GUE6),
	CASE(sends_an_ip6_ping_in_gue_over_ip6, ping6, ping6_in_gue6, REAL6, LB_HC_GUE,
	     LB_HC_SENT_GUE6),
	CASE(makes_no_outer_checksum_without_an_inner_one, udp4_without_sum,
	     udp4_without_sum_in_gue6, REAL6, LB_HC_GUE, LB_HC_SENT_GUE6),
	CASE(nor_around_options, options4, options4_in_gue6, REAL6, LB_HC_GUE, LB_HC_SENT_GUE6),
	CASE(nor_around_a_later_part, later_part4, later_part4_in_gue6, REAL6, LB_HC_GUE,
	     LB_HC_SENT_GUE6),
	CASE(sends_to_the_mac_of_a_neighbour, tcp4, tcp4_to_mac, REAL4, LB_HC_L2, LB_HC_SENT_L2),
	CASE(keeps_the_hosts_own_macs, tcp4, tcp4_in_ip4_own_link, REAL4, LB_HC_IPIP,
	     LB_HC_SENT_IPIP4, .own_link = true),

	CASE(leaves_a_packet_without_a_mark, tcp4, NULL, REAL4, LB_HC_IPIP, UNCOUNTED,
	     .no_mark = true),
	CASE(leaves_a_mark_without_a_real, tcp4, NULL, NULL, LB_HC_IPIP, LB_HC_NO_REAL),
	CASE(drops_ip6_for_an_ip4_real, tcp6, NULL, REAL4, LB_HC_IPIP, LB_HC_MIXED_FAMILY),
	CASE(drops_ip6_in_gue_for_an_ip4_real, tcp6, NULL, REAL4, LB_HC_GUE, LB_HC_MIXED_FAMILY),
	CASE(drops_what_has_no_source, tcp4, NULL, REAL4, LB_HC_IPIP, LB_HC_NO_SOURCE,
	     .no_source = true),
	CASE(drops_what_has_no_settings, tcp4, NULL, REAL4, LB_HC_IPIP, LB_HC_NO_SOURCE,
	     .no_control = true),
	CASE(drops_what_is_not_ip, not_ip, NULL, REAL4, LB_HC_IPIP, LB_HC_BAD_HEADER),
	CASE(drops_another_version_than_the_ethertype, wrong_version, NULL, REAL4, LB_HC_IPIP,
	     LB_HC_BAD_HEADER),
};

/* --- the bed --------------------------------------------------------------------------------- */

static struct bpf_object *object;
static struct lb_hc hc;

static int set_up(void **state)
{
	(void)state;
	object = progrun_open("bpf/lb_hc.bpf.o");
	assert_non_null(object);
	assert_int_equal(bpf_object__load(object), 0);
	hc = (struct lb_hc){
		.reals_fd = bpf_object__find_map_fd_by_name(object, LB_HC_REALS_NAME),
		.control_fd = bpf_object__find_map_fd_by_name(object, LB_HC_CONTROL_NAME),
	};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bpf_object__close(object);
	return 0;
}

static void add_control(const struct hc_case *c)
{
	struct lb_hc_control control;
	struct slot_reason why;
	bool is_ip6;

	assert_int_equal(lb_hc_control_get(&hc, &why, &control), 0);
	if (!c->own_link) {
		memcpy(control.gateway, gateway, sizeof(control.gateway));
		memcpy(control.mac, own_mac, sizeof(control.mac));
	}
	if (!c->no_source) {
		__u8 addr[16];

		assert_int_equal(lb_hc_address_parse(SOURCE4, &why, addr, &is_ip6), 0);
		memcpy(control.source4, addr, sizeof(control.source4));
		assert_int_equal(lb_hc_address_parse(SOURCE6, &why, control.source6, &is_ip6), 0);
	}
	assert_int_equal(lb_hc_control_set(&hc, &control, &why), 0);
}

static void add_real(const struct hc_case *c)
{
	struct lb_hc_mark mark = { .mark = MARK, .real = { .encap = (__u8)c->encap } };
	struct slot_reason why;
	bool is_ip6;

	assert_int_equal(lb_hc_address_parse(c->real, &why, mark.real.addr, &is_ip6), 0);
	memcpy(mark.real.mac, real_mac, sizeof(mark.real.mac));
	mark.real.is_ip6 = is_ip6;
	assert_int_equal(lb_hc_real_set(&hc, &mark, &why), 0);
}

static void assert_counted(int counter)
{
	int id, fd = bpf_object__find_map_fd_by_name(object, LB_HC_COUNTS_NAME);
	struct slot_count counts[LB_HC_COUNTS_SIZE];
	struct slot_reason why;

	assert_int_equal(program_counts_get(fd, LB_HC_COUNTS_SIZE, &why, counts), 0);
	for (id = 0; id < LB_HC_COUNTER_COUNT; id++)
		assert_int_equal(counts[id].packets, id == counter);
}

static void assert_bytes(const struct progrun *run, struct packet *wanted)
{
	assert_int_equal(run->len, wanted->len);
	assert_memory_equal(run->bytes, packet_bytes(wanted), wanted->len);
}

static uint32_t verdict_of(const struct hc_case *c)
{
	if (c->counter == UNCOUNTED || c->counter == LB_HC_NO_REAL)
		return (uint32_t)TC_ACT_UNSPEC;
	return c->counter < LB_HC_FIRST_LEFT ? TC_ACT_REDIRECT : TC_ACT_SHOT;
}

static void run_case(void **state)
{
	const struct hc_case *c = *state;
	uint32_t mark = c->no_mark ? 0 : MARK;
	struct packet before, wanted;
	struct progrun run;

	set_up(NULL);
	if (!c->no_control)
		add_control(c);
	if (c->real)
		add_real(c);
	c->build(&before);
	packet_eth(&before);
	wanted = before;
	if (c->expect)
		c->expect(&wanted);

	assert_int_equal(progrun_skb(progrun_fd(object, "lb_hc"), &before, mark, &run), 0);
	assert_int_equal(run.verdict, verdict_of(c));
	assert_bytes(&run, &wanted);
	assert_int_equal(run.mark, c->expect ? 0 : mark);
	assert_counted(c->counter);
	tear_down(NULL);
}

static void a_mark_can_get_another_real(void **state)
{
	struct hc_case c = { .real = REAL4 };
	struct packet probe, wanted;
	struct slot_reason why;
	struct progrun run;

	(void)state;
	add_control(&c);
	add_real(&c);
	c.real = REAL6;
	add_real(&c);
	tcp4(&probe);
	packet_eth(&probe);
	tcp4_in_ip6(&wanted);
	assert_int_equal(progrun_skb(progrun_fd(object, "lb_hc"), &probe, MARK, &run), 0);
	assert_bytes(&run, &wanted);
	assert_int_equal(lb_hc_real_del(&hc, MARK, &why), 0);
	assert_int_equal(lb_hc_real_del(&hc, MARK, &why), -ENOENT);
	assert_int_equal(progrun_skb(progrun_fd(object, "lb_hc"), &probe, MARK, &run), 0);
	assert_int_equal(run.verdict, (uint32_t)TC_ACT_UNSPEC);
}

/* A frame that fills the interface does so no more inside a tunnel. Test runs are on loopback. */
static void what_does_not_fit_is_dropped(void **state)
{
	static const unsigned char payload[1460];
	struct hc_case c = { .real = REAL4 };
	struct packet probe;
	struct progrun run;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link set lo mtu 1500"), 0);
	add_control(&c);
	add_real(&c);
	packet_start(&probe, payload, sizeof(payload));
	packet_tcp(&probe, 31337, 80, 2);
	packet_ip4(&probe, &probe4);
	packet_eth(&probe);
	assert_int_equal(progrun_skb(progrun_fd(object, "lb_hc"), &probe, MARK, &run), 0);
	assert_int_equal(run.verdict, TC_ACT_SHOT);
	assert_counted(LB_HC_TOO_BIG);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, run_case, cases);
	TAP_ADD(&plan, a_mark_can_get_another_real, set_up, tear_down);
	TAP_ADD(&plan, what_does_not_fit_is_dropped, set_up, tear_down);
	return tap_run(&plan, "lb_hc", 1);
}
