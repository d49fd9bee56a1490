/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff and handoff_out: packets that look like those of a connection with a rule and are none
 * that can be changed. They stay as they came, each with its counter.
 */
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "tests/support/handoff_case.h"
#include "tests/support/tap.h"

#define ID 7
#define NOT_COUNTED (-1)
#define NO_SKB (-2) /* the kernel makes none of it */
#define AT_IP 14
#define AT_TCP4 (AT_IP + 20)
#define AT_TCP6 (AT_IP + 40)
#define TCP_DOFF 12

static struct handoff_pair bed;

struct row {
	const char *name;
	bool is_ip6;
	void (*spoil)(unsigned char *frame, struct packet *p);
	int counter, out_counter; /* or NOT_COUNTED; out_counter: or NO_SKB */
};

static void has_options(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP] = 0x46;
}

static void has_a_short_header(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP] = 0x44;
}

static void is_of_another_version(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP] = 0x75;
}

static void is_a_first_part(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP + 6] = 0x20;
}

static void is_a_later_part(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP + 7] = 1;
}

static void claims_more_than_there_is(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP + 2] = 0x40;
}

static void claims_more_than_there_is6(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP + 4] = 0x40;
}

static void claims_no_transport_header(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP + 2] = 0;
	frame[AT_IP + 3] = 20;
}

static void claims_nothing(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP + 2] = 0;
	frame[AT_IP + 3] = 0;
}

static void claims_nothing6(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP + 4] = 0;
	frame[AT_IP + 5] = 0;
}

static void has_a_short_tcp_header(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_TCP4 + TCP_DOFF] = 4 << 4;
}

static void has_a_tcp_header_longer_than_the_packet(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_TCP4 + TCP_DOFF] = 15 << 4;
}

static void has_a_tcp_header_longer_than_the_packet6(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_TCP6 + TCP_DOFF] = 15 << 4;
}

static void ends_in_the_tcp_header(unsigned char *frame, struct packet *p)
{
	(void)frame;
	packet_cut(p, AT_TCP4 + 19);
}

static void ends_in_the_ip_header(unsigned char *frame, struct packet *p)
{
	(void)frame;
	packet_cut(p, AT_IP + 19);
}

static void ends_in_the_ip_header6(unsigned char *frame, struct packet *p)
{
	(void)frame;
	packet_cut(p, AT_IP + 39);
}

static void is_udp(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP + 9] = 17;
}

static void is_behind_an_extension_header(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[AT_IP + 6] = 60;
}

static void is_a_jumbogram(unsigned char *frame, struct packet *p)
{
	claims_nothing6(frame, p);
	frame[AT_IP + 6] = 0;
}

static void is_no_ip(unsigned char *frame, struct packet *p)
{
	(void)p;
	frame[12] = 0x88;
	frame[13] = 0xcc;
}

#define OPTIONS HANDOFF_IN_OPTIONS, HANDOFF_OUT_OPTIONS
#define FRAGMENT HANDOFF_IN_FRAGMENT, HANDOFF_OUT_FRAGMENT
#define CUT HANDOFF_IN_CUT, HANDOFF_OUT_CUT
#define UNSEEN NOT_COUNTED, NOT_COUNTED

static const struct row rows[] = {
	{ "with_options_of_ip4", false, has_options, OPTIONS },
	{ "with_a_short_ip4_header", false, has_a_short_header, CUT },
	{ "ip4_of_another_version", false, is_of_another_version, CUT },
	{ "ip6_of_another_version", true, is_of_another_version, CUT },
	{ "first_part", false, is_a_first_part, FRAGMENT },
	{ "later_part", false, is_a_later_part, FRAGMENT },
	{ "ip4_that_claims_more", false, claims_more_than_there_is, CUT },
	{ "ip6_that_claims_more", true, claims_more_than_there_is6, CUT },
	{ "ip4_that_claims_no_tcp", false, claims_no_transport_header, CUT },
	{ "ip4_that_claims_nothing", false, claims_nothing, CUT },
	{ "ip6_that_claims_nothing", true, claims_nothing6, CUT },
	{ "with_a_short_tcp_header", false, has_a_short_tcp_header, CUT },
	{ "with_a_long_tcp_header", false, has_a_tcp_header_longer_than_the_packet, CUT },
	{ "ip6_with_a_long_tcp_header", true, has_a_tcp_header_longer_than_the_packet6, CUT },
	{ "cut_in_tcp", false, ends_in_the_tcp_header, CUT },
	{ "cut_in_ip4", false, ends_in_the_ip_header, HANDOFF_IN_CUT, NO_SKB },
	{ "cut_in_ip6", true, ends_in_the_ip_header6, HANDOFF_IN_CUT, NO_SKB },
	{ "udp", false, is_udp, UNSEEN },
	{ "behind_an_extension_header", true, is_behind_an_extension_header, UNSEEN },
	{ "a_jumbogram_that_is_no_segment", true, is_a_jumbogram, UNSEEN },
	{ "no_ip", false, is_no_ip, UNSEEN },
};

static int set_up(void **state)
{
	(void)state;
	handoff_pair_open(&bed);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_pair_close(&bed);
	return 0;
}

/* Rules for both directions of the connection, so that only the packet stands against them. */
static void set_rules(const struct handoff_spec *spec)
{
	struct handoff_spec back = *spec;
	const struct handoff_key key = handoff_spec_key(spec);
	struct handoff_source source = {};
	struct handoff_key out_key;

	assert_int_equal(handoff_rules_block(&bed.rules, &key, ID, 0), 0);
	back.src = spec->dst;
	back.dst = spec->src;
	back.sport = spec->dport;
	back.dport = spec->sport;
	out_key = handoff_spec_key(&back);
	handoff_address(spec->is_ip6 ? "2001:db8::99" : "192.0.2.99", 99, source.address,
			&source.port);
	assert_int_equal(handoff_rules_rewrite(&bed.rules, &out_key, ID, &source, HANDOFF_PASS), 0);
}

static void assert_as_it_came(const struct progrun *run, struct packet *p)
{
	assert_int_equal(run->len, p->len);
	assert_memory_equal(run->bytes, packet_bytes(p), p->len);
}

static void assert_counted(bool is_out, int counter)
{
	for (int i = 0; i < HANDOFF_COUNTS_SIZE; i++)
		assert_int_equal(handoff_pair_count(&bed, is_out, (unsigned int)i), i == counter);
}

static void a_packet_that_cannot_be_changed_is_left(void **state)
{
	const struct row *row = *state;
	struct handoff_spec spec = {
		.src = row->is_ip6 ? "2001:db8::7" : "198.51.100.7",
		.dst = row->is_ip6 ? "2001:db8::80" : "203.0.113.80",
		.sport = 40000,
		.dport = 443,
		.flags = HANDOFF_ACK,
		.payload = 10,
		.is_ip6 = row->is_ip6,
	};
	struct progrun run;
	struct packet p;

	set_rules(&spec);
	handoff_spec_build(&spec, &p);
	row->spoil(packet_bytes(&p), &p);
	assert_int_equal(progrun_packet(progrun_fd(bed.in, "handoff"), &p, &run), 0);
	assert_int_equal(run.verdict, XDP_PASS);
	assert_as_it_came(&run, &p);
	assert_counted(false, row->counter);
	if (row->out_counter == NO_SKB)
		return;
	assert_int_equal(progrun_skb(progrun_fd(bed.out, "handoff_out"), &p, 0, &run), 0);
	assert_int_equal(run.verdict, (uint32_t)TC_ACT_UNSPEC);
	assert_as_it_came(&run, &p);
	assert_counted(true, row->out_counter);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_ROWS(&plan, a_packet_that_cannot_be_changed_is_left, rows, set_up, tear_down);
	return tap_run(&plan, "handoff_left", 1);
}
