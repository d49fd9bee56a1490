/* SPDX-License-Identifier: GPL-2.0-only */
/* decap: GUE of both variants, byte for byte. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/support/decap_case.h"
#include "tests/support/tap.h"

/* --- GUE ------------------------------------------------------------------------------------- */

static void gue4_in_ip6(struct packet *p)
{
	decap_start4(p);
	decap_variant1(p);
	decap_finish6(p);
}

static void gue6_in_ip4(struct packet *p)
{
	decap_start6(p);
	decap_variant1(p);
	decap_finish4(p);
}

static void header4_in_ip4(struct packet *p)
{
	decap_start4(p);
	decap_variant0(p, 0, IPPROTO_IPIP);
	decap_finish4(p);
}

static void header6_in_ip6(struct packet *p)
{
	decap_start6(p);
	decap_variant0(p, 0, IPPROTO_IPV6);
	decap_finish6(p);
}

static void extended4_in_ip6(struct packet *p)
{
	decap_start4(p);
	decap_variant0(p, 2, IPPROTO_IPIP);
	decap_finish6(p);
}

static void much_extended6_in_ip4(struct packet *p)
{
	decap_start6(p);
	decap_variant0(p, 0x1f, IPPROTO_IPV6);
	decap_finish4(p);
}

static void tagged_gue6_in_ip4(struct packet *p)
{
	decap_start6(p);
	decap_variant0(p, 1, IPPROTO_IPV6);
	packet_ip4(p, &decap_outer4);
	decap_tag_twice(p);
}

static void tagged_plain6(struct packet *p)
{
	decap_start6(p);
	decap_tag_twice(p);
}

static void control_message(struct packet *p)
{
	packet_start(p, "a control message", 17);
	decap_variant0(p, 0x20, 1);
	decap_finish4(p);
}

static void another_protocol(struct packet *p)
{
	packet_start(p, "neither IPv4 nor IPv6", 21);
	decap_variant0(p, 0, IPPROTO_GRE);
	decap_finish4(p);
}

static void version1_of_ip5(struct packet *p)
{
	decap_start4(p);
	packet_bytes(p)[0] = 0x55;
	decap_variant1(p);
	decap_finish4(p);
}

/* More extension words than the datagram has. */
static void header_beyond_the_datagram(struct packet *p)
{
	decap_start4(p);
	decap_variant0(p, 0, IPPROTO_IPIP);
	packet_bytes(p)[8] = 0x1f;
	decap_finish4(p);
}

static void empty_datagram(struct packet *p)
{
	packet_start(p, "", 0);
	packet_udp(p, 50000, DECAP_GUE_PORT);
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
	decap_variant1(p);
	set_udp_len(p, (uint16_t)(p->len + 1));
	decap_finish4(p);
}

static void datagram_of_no_length(struct packet *p)
{
	decap_start4(p);
	decap_variant1(p);
	set_udp_len(p, 0);
	decap_finish4(p);
}

static void inner_beyond_the_datagram(struct packet *p)
{
	decap_start4(p);
	decap_variant1(p);
	set_udp_len(p, (uint16_t)(p->len - 1));
	decap_finish4(p);
}

static void ip6_called_ip4(struct packet *p)
{
	decap_start6(p);
	decap_variant0(p, 0, IPPROTO_IPIP);
	decap_finish4(p);
}

static void another_port(struct packet *p)
{
	decap_start4(p);
	packet_udp(p, 50000, DECAP_GUE_PORT + 1);
	decap_finish4(p);
}

static void later_part(struct packet *p)
{
	struct packet_ip4 outer = decap_outer4;

	outer.fragment = 5;
	decap_gue_in(p, &outer);
}

static void tunnel_in_gue(struct packet *p)
{
	decap_start4(p);
	packet_ip4(p, &decap_outer4);
	decap_variant1(p);
	decap_finish4(p);
}

static void gue_in_tunnel(struct packet *p)
{
	decap_start4(p);
	decap_variant1(p);
	packet_ip4(p, &decap_outer4);
	decap_finish4(p);
}

static void plain_gue(struct packet *p)
{
	decap_start4(p);
	decap_variant1(p);
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
	decap_variant1(p);
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

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }
#define LEFT(sentence, build, reason, ...) CASE(sentence, build, NULL, reason, NULL, __VA_ARGS__)

static const struct decap_case cases[] = {
	CASE(takes_ip4_out_of_gue, decap_gue4_in_ip4, decap_plain4, DECAP_GUE4_IN_IP4, NULL,
	     decap_case_gue),
	CASE(takes_ip6_out_of_gue, decap_gue6_in_ip6, decap_plain6, DECAP_GUE6_IN_IP6, NULL,
	     decap_case_gue),
	CASE(takes_ip4_out_of_gue_over_ip6, gue4_in_ip6, decap_plain4, DECAP_GUE4_IN_IP6, NULL,
	     decap_case_gue),
	CASE(takes_ip6_out_of_gue_over_ip4, gue6_in_ip4, decap_plain6, DECAP_GUE6_IN_IP4, NULL,
	     decap_case_gue),
	CASE(takes_ip4_out_from_behind_a_header, header4_in_ip4, decap_plain4, DECAP_GUE4_IN_IP4,
	     NULL, decap_case_gue),
	CASE(takes_ip6_out_from_behind_a_header, header6_in_ip6, decap_plain6, DECAP_GUE6_IN_IP6,
	     NULL, decap_case_gue),
	CASE(looks_behind_extensions, extended4_in_ip6, decap_plain4, DECAP_GUE4_IN_IP6, NULL,
	     decap_case_gue),
	CASE(looks_behind_as_many_extensions_as_there_can_be, much_extended6_in_ip4, decap_plain6,
	     DECAP_GUE6_IN_IP4, NULL, decap_case_gue),
	CASE(keeps_the_tags_of_gue, tagged_gue6_in_ip4, tagged_plain6, DECAP_GUE6_IN_IP4, NULL,
	     decap_case_gue),
	CASE(hands_congestion_of_gue_on, congested_gue, congested_plain, DECAP_GUE6_IN_IP4, NULL,
	     decap_case_gue),
	CASE(takes_gue_out_of_a_tunnel, gue_in_tunnel, plain_gue, DECAP_IP4_IN_IP4, NULL,
	     decap_case_gue),
	LEFT(leaves_control_messages, control_message, DECAP_GUE_CONTROL, decap_case_gue),
	LEFT(leaves_control_messages_where_strict, control_message, DECAP_GUE_CONTROL,
	     decap_case_strict),
	LEFT(leaves_gue_of_other_protocols, another_protocol, DECAP_BAD_GUE, decap_case_gue),
	LEFT(leaves_gue_of_another_version, decap_gue_version2, DECAP_BAD_GUE, decap_case_gue),
	LEFT(leaves_gue_of_no_ip_version, version1_of_ip5, DECAP_BAD_GUE, decap_case_gue),
	LEFT(leaves_extensions_beyond_the_datagram, header_beyond_the_datagram, DECAP_BAD_GUE,
	     decap_case_gue),
	LEFT(leaves_an_empty_datagram, empty_datagram, DECAP_BAD_GUE, decap_case_gue),
	LEFT(leaves_a_datagram_beyond_the_packet, datagram_beyond_the_packet, DECAP_BAD_GUE,
	     decap_case_gue),
	LEFT(leaves_a_datagram_of_no_length, datagram_of_no_length, DECAP_BAD_GUE, decap_case_gue),
	LEFT(leaves_an_inner_packet_beyond_the_datagram, inner_beyond_the_datagram, DECAP_BAD_INNER,
	     decap_case_gue),
	LEFT(leaves_gue_of_ip6_that_is_called_ip4, ip6_called_ip4, DECAP_BAD_INNER, decap_case_gue),
	LEFT(does_not_count_udp_to_other_ports, another_port, DECAP_UNCOUNTED, decap_case_gue),
	LEFT(does_not_count_gue_where_there_is_no_port, decap_gue4_in_ip4, DECAP_UNCOUNTED, NULL),
	LEFT(leaves_gue_to_another_address, decap_gue_elsewhere, DECAP_NOT_LOCAL, decap_case_gue),
	LEFT(leaves_a_first_part_of_gue, decap_gue_first_part, DECAP_FRAGMENT, decap_case_gue),
	LEFT(does_not_know_a_later_part_of_gue, later_part, DECAP_UNCOUNTED, decap_case_gue),
	LEFT(leaves_gue_behind_options, decap_gue_options, DECAP_OPTIONS, decap_case_gue),
	LEFT(leaves_a_tunnel_in_gue, tunnel_in_gue, DECAP_NESTED, decap_case_gue),
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, decap_case_run, cases);
	return tap_run(&plan, "decap_gue", 1);
}
