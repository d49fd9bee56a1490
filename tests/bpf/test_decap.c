/* SPDX-License-Identifier: GPL-2.0-only */
/* decap: every kind of tunnel that it takes apart, byte for byte. */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "tests/support/decap_case.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define ECT1 1
#define ECT0 2
#define CE 3

static void ip4_in_ip6(struct packet *p)
{
	decap_start4(p);
	decap_finish6(p);
}

static void ip6_in_ip4(struct packet *p)
{
	decap_start6(p);
	decap_finish4(p);
}

/* Link layers. */

static void tagged_ip4_in_ip4(struct packet *p)
{
	decap_start4(p);
	packet_ip4(p, &decap_outer4);
	decap_tag_once(p);
}

static void tagged_ip6_in_ip4(struct packet *p)
{
	decap_start6(p);
	packet_ip4(p, &decap_outer4);
	decap_tag_once(p);
}

static void double_tagged_ip4_in_ip4(struct packet *p)
{
	decap_start4(p);
	packet_ip4(p, &decap_outer4);
	decap_tag_twice(p);
}

static void double_tagged_ip4_in_ip6(struct packet *p)
{
	decap_start4(p);
	packet_ip6(p, &decap_outer6);
	decap_tag_twice(p);
}

static void tagged_plain4(struct packet *p)
{
	decap_start4(p);
	decap_tag_once(p);
}

static void tagged_plain6(struct packet *p)
{
	decap_start6(p);
	decap_tag_once(p);
}

static void double_tagged_plain4(struct packet *p)
{
	decap_start4(p);
	decap_tag_twice(p);
}

/* What may be inside, or around it. */

static void bare_header(struct packet *p)
{
	packet_start(p, "", 0);
	p->proto = IPPROTO_NONE;
	packet_ip4(p, &decap_inner4);
}

static void bare_header_in_two_tags(struct packet *p)
{
	bare_header(p);
	packet_ip4(p, &decap_outer4);
	decap_tag_twice(p);
}

static void plain_bare_header_in_two_tags(struct packet *p)
{
	bare_header(p);
	decap_tag_twice(p);
}

static void large_payload(struct packet *p)
{
	static unsigned char payload[1300];
	size_t i;

	for (i = 0; i < sizeof(payload); i++)
		payload[i] = (unsigned char)(i * 7);
	packet_start(p, payload, sizeof(payload));
	packet_udp(p, 40000, 80);
	packet_ip6(p, &decap_inner6);
}

static void large_ip6_in_ip6(struct packet *p)
{
	large_payload(p);
	decap_finish6(p);
}

static void large_plain6(struct packet *p)
{
	large_payload(p);
	packet_eth(p);
}

/* What Linux's ip6_tunnel sends by default: a tunnel encapsulation limit (RFC 2473). */
static void ip6_in_ip6_with_limit(struct packet *p)
{
	decap_start6(p);
	packet_ip6_ext(p, IPPROTO_DSTOPTS, 8);
	decap_finish6(p);
}

static void inner_fragment(struct packet *p)
{
	struct packet_ip4 ip = decap_inner4;

	ip.fragment = 0x2000 | 5;
	packet_start(p, "somewhere in the middle!", 24);
	p->proto = IPPROTO_UDP;
	packet_ip4(p, &ip);
}

static void tunnelled_fragment(struct packet *p)
{
	inner_fragment(p);
	decap_finish4(p);
}

static void plain_fragment(struct packet *p)
{
	inner_fragment(p);
	packet_eth(p);
}

static void inner_options(struct packet *p)
{
	struct packet_ip4 ip = decap_inner4;

	ip.options_len = 8;
	packet_start(p, "hello", 5);
	packet_tcp(p, 40000, 80, 2);
	packet_ip4(p, &ip);
}

static void inner_mobility(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 53);
	packet_ip6_ext(p, IPPROTO_MH, 8);
	packet_ip6_auth(p, 24);
	packet_ip6_ext(p, IPPROTO_DSTOPTS, 16);
	packet_ip6(p, &decap_inner6);
}

static void tunnelled_mobility(struct packet *p)
{
	inner_mobility(p);
	decap_finish6(p);
}

static void plain_mobility(struct packet *p)
{
	inner_mobility(p);
	packet_eth(p);
}

static void tunnelled_options(struct packet *p)
{
	inner_options(p);
	decap_finish6(p);
}

static void plain_options(struct packet *p)
{
	inner_options(p);
	packet_eth(p);
}

static void padded_ip4_in_ip4(struct packet *p)
{
	bare_header(p);
	decap_finish4(p);
	packet_pad(p, 60);
}

static void padded_bare_header(struct packet *p)
{
	bare_header(p);
	packet_eth(p);
	packet_pad(p, 40);
}

/* Congestion marks. */

static void start_marked4(struct packet *p, uint8_t tos)
{
	struct packet_ip4 ip = decap_inner4;

	ip.tos = tos;
	packet_start(p, "hello", 5);
	packet_tcp(p, 40000, 80, 2);
	packet_ip4(p, &ip);
}

static void start_marked6(struct packet *p, uint8_t traffic_class)
{
	struct packet_ip6 ip = decap_inner6;

	ip.traffic_class = traffic_class;
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 53);
	packet_ip6(p, &ip);
}

static void finish_marked4(struct packet *p, uint8_t tos)
{
	struct packet_ip4 ip = decap_outer4;

	ip.tos = tos;
	packet_ip4(p, &ip);
	packet_eth(p);
}

static void finish_marked6(struct packet *p, uint8_t traffic_class)
{
	struct packet_ip6 ip = decap_outer6;

	ip.traffic_class = traffic_class;
	packet_ip6(p, &ip);
	packet_eth(p);
}

static void congested_ip4_in_ip6(struct packet *p)
{
	start_marked4(p, 0xb8 | ECT0);
	finish_marked6(p, CE);
}

static void congested_plain4(struct packet *p)
{
	start_marked4(p, 0xb8 | CE);
	packet_eth(p);
}

static void congested_ip6_in_ip4(struct packet *p)
{
	start_marked6(p, 0xb8 | ECT1);
	finish_marked4(p, 0x20 | CE);
}

static void congested_plain6(struct packet *p)
{
	start_marked6(p, 0xb8 | CE);
	packet_eth(p);
}

static void marked_twice(struct packet *p)
{
	start_marked4(p, 0xb8 | CE);
	finish_marked4(p, CE);
}

static void capable_ip6_in_ip6(struct packet *p)
{
	start_marked6(p, 0xb8 | ECT0);
	finish_marked6(p, ECT1);
}

static void capable_plain6(struct packet *p)
{
	start_marked6(p, 0xb8 | ECT0);
	packet_eth(p);
}

static void capable_ip4_in_ip4(struct packet *p)
{
	start_marked4(p, 0xb8 | ECT1);
	finish_marked4(p, ECT0);
}

static void capable_plain4(struct packet *p)
{
	start_marked4(p, 0xb8 | ECT1);
	packet_eth(p);
}

static void congested_around_incapable4(struct packet *p)
{
	start_marked4(p, 0xb8);
	finish_marked4(p, CE);
}

static void congested_around_incapable6(struct packet *p)
{
	start_marked6(p, 0xb8);
	finish_marked6(p, CE);
}

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }

static const struct decap_case cases[] = {
	CASE(takes_ip4_out_of_ip4, decap_ip4_in_ip4, decap_plain4, DECAP_IP4_IN_IP4),
	CASE(takes_ip6_out_of_ip6, decap_ip6_in_ip6, decap_plain6, DECAP_IP6_IN_IP6),
	CASE(takes_ip4_out_of_ip6, ip4_in_ip6, decap_plain4, DECAP_IP4_IN_IP6),
	CASE(takes_ip6_out_of_ip4, ip6_in_ip4, decap_plain6, DECAP_IP6_IN_IP4),
	CASE(looks_behind_all_kinds_of_extension_headers, tunnelled_mobility, plain_mobility,
	     DECAP_IP6_IN_IP6),
	CASE(keeps_a_tag, tagged_ip4_in_ip4, tagged_plain4, DECAP_IP4_IN_IP4),
	CASE(changes_the_ethertype_behind_a_tag, tagged_ip6_in_ip4, tagged_plain6,
	     DECAP_IP6_IN_IP4),
	CASE(keeps_two_tags, double_tagged_ip4_in_ip4, double_tagged_plain4, DECAP_IP4_IN_IP4),
	CASE(changes_the_ethertype_behind_two_tags, double_tagged_ip4_in_ip6, double_tagged_plain4,
	     DECAP_IP4_IN_IP6),
	CASE(takes_out_a_packet_that_is_one_header, bare_header_in_two_tags,
	     plain_bare_header_in_two_tags, DECAP_IP4_IN_IP4),
	CASE(takes_out_a_large_packet, large_ip6_in_ip6, large_plain6, DECAP_IP6_IN_IP6),
	CASE(takes_off_an_encapsulation_limit, ip6_in_ip6_with_limit, decap_plain6,
	     DECAP_IP6_IN_IP6),
	CASE(takes_out_a_fragment, tunnelled_fragment, plain_fragment, DECAP_IP4_IN_IP4),
	CASE(takes_out_a_packet_with_options, tunnelled_options, plain_options, DECAP_IP4_IN_IP6),
	CASE(leaves_padding_where_it_was, padded_ip4_in_ip4, padded_bare_header, DECAP_IP4_IN_IP4),

	CASE(hands_congestion_on_to_ip4, congested_ip4_in_ip6, congested_plain4, DECAP_IP4_IN_IP6),
	CASE(hands_congestion_on_to_ip6, congested_ip6_in_ip4, congested_plain6, DECAP_IP6_IN_IP4),
	CASE(keeps_congestion_that_both_know_of, marked_twice, congested_plain4, DECAP_IP4_IN_IP4),
	CASE(keeps_an_ip6_mark_where_there_is_no_congestion, capable_ip6_in_ip6, capable_plain6,
	     DECAP_IP6_IN_IP6),
	CASE(keeps_an_ip4_mark_where_there_is_no_congestion, capable_ip4_in_ip4, capable_plain4,
	     DECAP_IP4_IN_IP4),
	CASE(drops_congested_ip4_that_cannot_say_so, congested_around_incapable4, NULL,
	     DECAP_CONGESTED),
	CASE(drops_congested_ip6_that_cannot_say_so, congested_around_incapable6, NULL,
	     DECAP_CONGESTED),
};

/* Every identification, so that every header checksum there is gets changed. */
static void congestion_keeps_every_header_checksum_right(void **state)
{
	const size_t inner_at = sizeof(struct ether_header) + sizeof(struct ip6_hdr);
	struct bpf_object *object = progrun_open("bpf/decap.bpf.o");
	struct progrun run = {};
	struct packet p;
	struct iphdr ip;
	unsigned int id;

	(void)state;
	assert_non_null(object);
	decap_case_load(object);
	congested_ip4_in_ip6(&p);
	memcpy(&ip, packet_bytes(&p) + inner_at, sizeof(ip));
	for (id = 0; id <= UINT16_MAX; id++) {
		ip.id = htons((uint16_t)id);
		ip.check = 0;
		ip.check = htons(packet_sum_fold(packet_sum(0, &ip, sizeof(ip))));
		memcpy(packet_bytes(&p) + inner_at, &ip, sizeof(ip));
		assert_int_equal(progrun_packet(progrun_fd(object, "decap"), &p, &run), 0);
		assert_int_equal(run.len, p.len - sizeof(struct ip6_hdr));
		assert_int_equal(packet_sum_fold(packet_sum(
					 0, run.bytes + sizeof(struct ether_header), sizeof(ip))),
				 0);
	}
	bpf_object__close(object);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, decap_case_run, cases);
	TAP_ADD(&plan, congestion_keeps_every_header_checksum_right, NULL, NULL);
	return tap_run(&plan, "decap", 1);
}
