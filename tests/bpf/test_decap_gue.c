/* SPDX-License-Identifier: GPL-2.0-only */
/* decap: GUE, prefixes, what is served, strictness, and ids of servers in inner TCP. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/support/decap_case.h"
#include "tests/support/tap.h"

#define GUE_PORT 6080
#define ETH_LEN 14

static void gue(const struct decap_maps *maps)
{
	decap_case_set(maps, "gue-port=6080");
}

static void strict(const struct decap_maps *maps)
{
	gue(maps);
	decap_case_set(maps, "strict=yes");
}

/* --- GUE ------------------------------------------------------------------------------------- */

static void plain4(struct packet *p)
{
	decap_start4(p);
	packet_eth(p);
}

static void plain6(struct packet *p)
{
	decap_start6(p);
	packet_eth(p);
}

static void variant1(struct packet *p)
{
	packet_udp(p, 50000, GUE_PORT);
}

/* @first: version, control bit and words of extensions, which follow. */
static void variant0(struct packet *p, uint8_t first, uint8_t proto)
{
	size_t words = first & 0x1f;
	unsigned char *gue;

	memset(packet_push(p, words * 4), 0xee, words * 4);
	gue = packet_push(p, 4);
	gue[0] = first;
	gue[1] = proto;
	gue[2] = words ? 0x80 : 0;
	packet_udp(p, 50000, GUE_PORT);
}

static void gue4_in_ip4(struct packet *p)
{
	decap_start4(p);
	variant1(p);
	decap_finish4(p);
}

static void gue6_in_ip6(struct packet *p)
{
	decap_start6(p);
	variant1(p);
	decap_finish6(p);
}

static void gue4_in_ip6(struct packet *p)
{
	decap_start4(p);
	variant1(p);
	decap_finish6(p);
}

static void gue6_in_ip4(struct packet *p)
{
	decap_start6(p);
	variant1(p);
	decap_finish4(p);
}

static void header4_in_ip4(struct packet *p)
{
	decap_start4(p);
	variant0(p, 0, IPPROTO_IPIP);
	decap_finish4(p);
}

static void header6_in_ip6(struct packet *p)
{
	decap_start6(p);
	variant0(p, 0, IPPROTO_IPV6);
	decap_finish6(p);
}

static void extended4_in_ip6(struct packet *p)
{
	decap_start4(p);
	variant0(p, 2, IPPROTO_IPIP);
	decap_finish6(p);
}

static void much_extended6_in_ip4(struct packet *p)
{
	decap_start6(p);
	variant0(p, 0x1f, IPPROTO_IPV6);
	decap_finish4(p);
}

static void tag_twice(struct packet *p)
{
	packet_vlan(p, 0x2064, 0x8100);
	packet_vlan(p, 200, 0x88a8);
	packet_eth(p);
}

static void tagged_gue6_in_ip4(struct packet *p)
{
	decap_start6(p);
	variant0(p, 1, IPPROTO_IPV6);
	packet_ip4(p, &decap_outer4);
	tag_twice(p);
}

static void tagged_plain6(struct packet *p)
{
	decap_start6(p);
	tag_twice(p);
}

static void control_message(struct packet *p)
{
	packet_start(p, "a control message", 17);
	variant0(p, 0x20, 1);
	decap_finish4(p);
}

static void another_protocol(struct packet *p)
{
	packet_start(p, "neither IPv4 nor IPv6", 21);
	variant0(p, 0, IPPROTO_GRE);
	decap_finish4(p);
}

static void version2(struct packet *p)
{
	decap_start4(p);
	variant0(p, 0x80, IPPROTO_IPIP);
	decap_finish4(p);
}

static void version1_of_ip5(struct packet *p)
{
	decap_start4(p);
	packet_bytes(p)[0] = 0x55;
	variant1(p);
	decap_finish4(p);
}

/* More extension words than the datagram has. */
static void header_beyond_the_datagram(struct packet *p)
{
	decap_start4(p);
	variant0(p, 0, IPPROTO_IPIP);
	packet_bytes(p)[8] = 0x1f;
	decap_finish4(p);
}

static void empty_datagram(struct packet *p)
{
	packet_start(p, "", 0);
	packet_udp(p, 50000, GUE_PORT);
	decap_finish4(p);
}

/* The length in the UDP header, as it lies in front. */
static void set_udp_len(struct packet *p, uint16_t len)
{
	uint16_t word = htons(len);

	memcpy(packet_bytes(p) + 4, &word, sizeof(word));
}

static void datagram_beyond_the_packet(struct packet *p)
{
	decap_start4(p);
	variant1(p);
	set_udp_len(p, (uint16_t)(p->len + 1));
	decap_finish4(p);
}

static void datagram_of_no_length(struct packet *p)
{
	decap_start4(p);
	variant1(p);
	set_udp_len(p, 0);
	decap_finish4(p);
}

static void inner_beyond_the_datagram(struct packet *p)
{
	decap_start4(p);
	variant1(p);
	set_udp_len(p, (uint16_t)(p->len - 1));
	decap_finish4(p);
}

static void ip6_called_ip4(struct packet *p)
{
	decap_start6(p);
	variant0(p, 0, IPPROTO_IPIP);
	decap_finish4(p);
}

static void another_port(struct packet *p)
{
	decap_start4(p);
	packet_udp(p, 50000, GUE_PORT + 1);
	decap_finish4(p);
}

static void to_another_address(struct packet *p)
{
	struct packet_ip4 outer = decap_outer4;

	outer.dst = "192.0.2.200";
	decap_start4(p);
	variant1(p);
	packet_ip4(p, &outer);
	packet_eth(p);
}

static void first_part(struct packet *p)
{
	struct packet_ip4 outer = decap_outer4;

	outer.fragment = 0x2000;
	decap_start4(p);
	variant1(p);
	packet_ip4(p, &outer);
	packet_eth(p);
}

static void later_part(struct packet *p)
{
	struct packet_ip4 outer = decap_outer4;

	outer.fragment = 5;
	decap_start4(p);
	variant1(p);
	packet_ip4(p, &outer);
	packet_eth(p);
}

static void outer_options(struct packet *p)
{
	struct packet_ip4 outer = decap_outer4;

	outer.options_len = 4;
	decap_start4(p);
	variant1(p);
	packet_ip4(p, &outer);
	packet_eth(p);
}

static void tunnel_in_gue(struct packet *p)
{
	decap_start4(p);
	packet_ip4(p, &decap_outer4);
	variant1(p);
	decap_finish4(p);
}

static void gue_in_tunnel(struct packet *p)
{
	decap_start4(p);
	variant1(p);
	packet_ip4(p, &decap_outer4);
	decap_finish4(p);
}

static void plain_gue(struct packet *p)
{
	decap_start4(p);
	variant1(p);
	decap_finish4(p);
}

static void congested_gue(struct packet *p)
{
	struct packet_ip6 inner = decap_inner6;
	struct packet_ip4 outer = decap_outer4;

	inner.traffic_class = 2;
	outer.tos = 3;
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 53);
	packet_ip6(p, &inner);
	variant1(p);
	packet_ip4(p, &outer);
	packet_eth(p);
}

static void congested_plain(struct packet *p)
{
	struct packet_ip6 inner = decap_inner6;

	inner.traffic_class = 3;
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 53);
	packet_ip6(p, &inner);
	packet_eth(p);
}

/* --- where tunnels end ----------------------------------------------------------------------- */

static void prefix4(const struct decap_maps *maps)
{
	decap_case_add(maps, "198.51.100.0/24");
}

static void prefix6(const struct decap_maps *maps)
{
	decap_case_add(maps, "2001:db8:100::/40");
}

static void all_of_ip6(const struct decap_maps *maps)
{
	decap_case_add(maps, "::/0");
}

static void all_of_ip4(const struct decap_maps *maps)
{
	decap_case_add(maps, "0.0.0.0/0");
}

static void to_prefix4(struct packet *p, const char *dst)
{
	struct packet_ip4 outer = decap_outer4;

	outer.dst = dst;
	decap_start4(p);
	packet_ip4(p, &outer);
	packet_eth(p);
}

static void to_last_of_prefix4(struct packet *p)
{
	to_prefix4(p, "198.51.100.255");
}

static void to_next_of_prefix4(struct packet *p)
{
	to_prefix4(p, "198.51.101.0");
}

static void to_prefix6(struct packet *p, const char *dst)
{
	struct packet_ip6 outer = decap_outer6;

	outer.dst = dst;
	decap_start6(p);
	packet_ip6(p, &outer);
	packet_eth(p);
}

static void to_last_of_prefix6(struct packet *p)
{
	to_prefix6(p, "2001:db8:1ff:ffff::1");
}

static void to_next_of_prefix6(struct packet *p)
{
	to_prefix6(p, "2001:db8:200::");
}

/* --- what is served -------------------------------------------------------------------------- */

static void serve_both(const struct decap_maps *maps)
{
	decap_case_serve(maps, DECAP_LOCAL4);
	decap_case_serve(maps, "2001:db8::/64");
}

static void serve_others(const struct decap_maps *maps)
{
	decap_case_serve(maps, "198.51.100.0/24");
	decap_case_serve(maps, "2001:db8:1::/64");
	/* IPv4 is not in it, whatever way IPv6 writes that. */
	decap_case_serve(maps, "::/4");
}

static void serve_others_strictly(const struct decap_maps *maps)
{
	serve_others(maps);
	strict(maps);
}

static void ip4_in_ip4(struct packet *p)
{
	decap_start4(p);
	decap_finish4(p);
}

static void ip6_in_ip6(struct packet *p)
{
	decap_start6(p);
	decap_finish6(p);
}

static void ip6_called_ip4_in_ip4(struct packet *p)
{
	decap_start6(p);
	p->proto = IPPROTO_IPIP;
	decap_finish4(p);
}

static void nested(struct packet *p)
{
	decap_start4(p);
	packet_ip4(p, &decap_outer4);
	decap_finish4(p);
}

/* --- ids of servers -------------------------------------------------------------------------- */

static void id_100(const struct decap_maps *maps)
{
	struct slot_reason why = {};

	assert_int_equal(decap_id_add(maps, 100, &why), 0);
}

static void id_100_in_gue(const struct decap_maps *maps)
{
	id_100(maps);
	gue(maps);
}

static void id_100_of_another_option(const struct decap_maps *maps)
{
	id_100(maps);
	decap_case_set(maps, "tcp-option=0xb8");
}

#define OPTIONS_LEN 12

/* An inner segment whose options are two to fill up, the id's, and the end. */
static void start_with_id(struct packet *p, uint32_t id, uint8_t flags)
{
	unsigned char payload[OPTIONS_LEN + 5] = { 1, 1, 0xb7, 6 };

	memcpy(payload + 4, &id, sizeof(id));
	memcpy(payload + OPTIONS_LEN, "hello", 5);
	packet_start(p, payload, sizeof(payload));
	packet_tcp(p, 40000, 80, flags);
	packet_bytes(p)[12] = (20 + OPTIONS_LEN) / 4 << 4;
}

static void plain_id(struct packet *p, uint32_t id, uint8_t flags)
{
	start_with_id(p, id, flags);
	packet_ip4(p, &decap_inner4);
	packet_eth(p);
}

static void id4(struct packet *p, uint32_t id, uint8_t flags)
{
	start_with_id(p, id, flags);
	packet_ip4(p, &decap_inner4);
	decap_finish4(p);
}

#define ACK 0x10
#define SYN 0x02

static void own_id(struct packet *p)
{
	id4(p, 100, ACK);
}

static void plain_own_id(struct packet *p)
{
	plain_id(p, 100, ACK);
}

static void other_id(struct packet *p)
{
	id4(p, 101, ACK);
}

static void plain_other_id(struct packet *p)
{
	plain_id(p, 101, ACK);
}

static void other_id_in_syn(struct packet *p)
{
	id4(p, 101, SYN);
}

static void plain_other_id_in_syn(struct packet *p)
{
	plain_id(p, 101, SYN);
}

static void id_0(struct packet *p)
{
	id4(p, 0, ACK);
}

static void plain_id_0(struct packet *p)
{
	plain_id(p, 0, ACK);
}

static void other_id_in_gue6(struct packet *p)
{
	start_with_id(p, 101, ACK);
	packet_ip6(p, &decap_inner6);
	variant0(p, 0x1f, IPPROTO_IPV6);
	decap_finish6(p);
}

static void plain_other_id6(struct packet *p)
{
	start_with_id(p, 101, ACK);
	packet_ip6(p, &decap_inner6);
	packet_eth(p);
}

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }
#define LEFT(sentence, build, reason, ...) CASE(sentence, build, NULL, reason, NULL, __VA_ARGS__)

static const struct decap_case cases[] = {
	CASE(takes_ip4_out_of_gue, gue4_in_ip4, plain4, DECAP_GUE4_IN_IP4, NULL, gue),
	CASE(takes_ip6_out_of_gue, gue6_in_ip6, plain6, DECAP_GUE6_IN_IP6, NULL, gue),
	CASE(takes_ip4_out_of_gue_over_ip6, gue4_in_ip6, plain4, DECAP_GUE4_IN_IP6, NULL, gue),
	CASE(takes_ip6_out_of_gue_over_ip4, gue6_in_ip4, plain6, DECAP_GUE6_IN_IP4, NULL, gue),
	CASE(takes_ip4_out_from_behind_a_header, header4_in_ip4, plain4, DECAP_GUE4_IN_IP4, NULL,
	     gue),
	CASE(takes_ip6_out_from_behind_a_header, header6_in_ip6, plain6, DECAP_GUE6_IN_IP6, NULL,
	     gue),
	CASE(looks_behind_extensions, extended4_in_ip6, plain4, DECAP_GUE4_IN_IP6, NULL, gue),
	CASE(looks_behind_as_many_extensions_as_there_can_be, much_extended6_in_ip4, plain6,
	     DECAP_GUE6_IN_IP4, NULL, gue),
	CASE(keeps_the_tags_of_gue, tagged_gue6_in_ip4, tagged_plain6, DECAP_GUE6_IN_IP4, NULL,
	     gue),
	CASE(hands_congestion_of_gue_on, congested_gue, congested_plain, DECAP_GUE6_IN_IP4, NULL,
	     gue),
	CASE(takes_gue_out_of_a_tunnel, gue_in_tunnel, plain_gue, DECAP_IP4_IN_IP4, NULL, gue),
	LEFT(leaves_control_messages, control_message, DECAP_GUE_CONTROL, gue),
	LEFT(leaves_control_messages_where_strict, control_message, DECAP_GUE_CONTROL, strict),
	LEFT(leaves_gue_of_other_protocols, another_protocol, DECAP_BAD_GUE, gue),
	LEFT(leaves_gue_of_another_version, version2, DECAP_BAD_GUE, gue),
	LEFT(leaves_gue_of_no_ip_version, version1_of_ip5, DECAP_BAD_GUE, gue),
	LEFT(leaves_extensions_beyond_the_datagram, header_beyond_the_datagram, DECAP_BAD_GUE, gue),
	LEFT(leaves_an_empty_datagram, empty_datagram, DECAP_BAD_GUE, gue),
	LEFT(leaves_a_datagram_beyond_the_packet, datagram_beyond_the_packet, DECAP_BAD_GUE, gue),
	LEFT(leaves_a_datagram_of_no_length, datagram_of_no_length, DECAP_BAD_GUE, gue),
	LEFT(leaves_an_inner_packet_beyond_the_datagram, inner_beyond_the_datagram, DECAP_BAD_INNER,
	     gue),
	LEFT(leaves_gue_of_ip6_that_is_called_ip4, ip6_called_ip4, DECAP_BAD_INNER, gue),
	LEFT(does_not_count_udp_to_other_ports, another_port, DECAP_UNCOUNTED, gue),
	LEFT(does_not_count_gue_where_there_is_no_port, gue4_in_ip4, DECAP_UNCOUNTED, NULL),
	LEFT(leaves_gue_to_another_address, to_another_address, DECAP_NOT_LOCAL, gue),
	LEFT(leaves_a_first_part_of_gue, first_part, DECAP_FRAGMENT, gue),
	LEFT(does_not_know_a_later_part_of_gue, later_part, DECAP_UNCOUNTED, gue),
	LEFT(leaves_gue_behind_options, outer_options, DECAP_OPTIONS, gue),
	LEFT(leaves_a_tunnel_in_gue, tunnel_in_gue, DECAP_NESTED, gue),

	CASE(finds_an_ip4_prefix, to_last_of_prefix4, plain4, DECAP_IP4_IN_IP4, NULL, prefix4),
	CASE(finds_an_ip6_prefix, to_last_of_prefix6, plain6, DECAP_IP6_IN_IP6, NULL, prefix6),
	LEFT(ends_with_an_ip4_prefix, to_next_of_prefix4, DECAP_NOT_LOCAL, prefix4),
	LEFT(ends_with_an_ip6_prefix, to_next_of_prefix6, DECAP_NOT_LOCAL, prefix6),
	CASE(finds_all_of_ip4, to_next_of_prefix4, plain4, DECAP_IP4_IN_IP4, NULL, all_of_ip4),
	CASE(finds_all_of_ip6, to_next_of_prefix6, plain6, DECAP_IP6_IN_IP6, NULL, all_of_ip6),
	LEFT(does_not_find_ip4_in_all_of_ip6, to_next_of_prefix4, DECAP_NOT_LOCAL, all_of_ip6),
	LEFT(does_not_find_ip6_in_all_of_ip4, to_next_of_prefix6, DECAP_NOT_LOCAL, all_of_ip4),

	CASE(takes_out_ip4_that_is_served, ip4_in_ip4, plain4, DECAP_IP4_IN_IP4, NULL, serve_both),
	CASE(takes_out_ip6_that_is_served, ip6_in_ip6, plain6, DECAP_IP6_IN_IP6, NULL, serve_both),
	LEFT(leaves_ip4_that_is_not_served, ip4_in_ip4, DECAP_NOT_SERVED, serve_others),
	LEFT(leaves_ip6_that_is_not_served, ip6_in_ip6, DECAP_NOT_SERVED, serve_others),
	LEFT(drops_ip4_that_is_not_served, ip4_in_ip4, DECAP_STRICT_NOT_SERVED,
	     serve_others_strictly),
	LEFT(drops_a_bad_inner_packet, ip6_called_ip4_in_ip4, DECAP_STRICT_BAD_INNER, strict),
	LEFT(drops_a_part_of_a_tunnel, first_part, DECAP_STRICT_FRAGMENT, strict),
	LEFT(drops_options, outer_options, DECAP_STRICT_OPTIONS, strict),
	LEFT(drops_a_tunnel_in_a_tunnel, nested, DECAP_STRICT_NESTED, strict),
	LEFT(drops_bad_gue, version2, DECAP_STRICT_BAD_GUE, strict),
	LEFT(leaves_what_is_not_local_where_strict, to_another_address, DECAP_NOT_LOCAL, strict),
	CASE(takes_out_what_is_good_where_strict, ip4_in_ip4, plain4, DECAP_IP4_IN_IP4, NULL,
	     strict),

	CASE(knows_its_own_id, own_id, plain_own_id, DECAP_IP4_IN_IP4, NULL, id_100,
	     DECAP_SERVER_ID),
	CASE(passes_and_counts_what_is_misrouted, other_id, plain_other_id, DECAP_IP4_IN_IP4, NULL,
	     id_100, DECAP_SERVER_ID, DECAP_MISROUTED),
	CASE(counts_what_is_misrouted_in_gue, other_id_in_gue6, plain_other_id6, DECAP_GUE6_IN_IP6,
	     NULL, id_100_in_gue, DECAP_SERVER_ID, DECAP_MISROUTED),
	CASE(looks_for_no_id_in_a_syn, other_id_in_syn, plain_other_id_in_syn, DECAP_IP4_IN_IP4,
	     NULL, id_100),
	CASE(takes_id_0_for_none, id_0, plain_id_0, DECAP_IP4_IN_IP4, NULL, id_100),
	CASE(looks_for_no_id_where_it_has_none, other_id, plain_other_id, DECAP_IP4_IN_IP4),
	CASE(looks_into_the_option_that_is_set, other_id, plain_other_id, DECAP_IP4_IN_IP4, NULL,
	     id_100_of_another_option),
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, decap_case_run, cases);
	return tap_run(&plan, "decap_gue", 1);
}
