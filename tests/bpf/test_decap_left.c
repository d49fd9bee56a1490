/* SPDX-License-Identifier: GPL-2.0-only */
/* decap: what is no tunnel of this host, or not a good one, passes as it came. */
#include <netinet/in.h>

#include "tests/support/decap_case.h"
#include "tests/support/tap.h"

#define ETH_LEN 14

static void gre(struct packet *p)
{
	packet_start(p, "\0\0\x08\0tunnel of another kind", 26);
	p->proto = IPPROTO_GRE;
	decap_finish4(p);
}

static void arp(struct packet *p)
{
	packet_start(p, "an ARP request of some length", 28);
	p->ethertype = 0x0806;
	packet_eth(p);
}

static void three_tags(struct packet *p)
{
	decap_start4(p);
	packet_ip4(p, &decap_outer4);
	packet_vlan(p, 1, 0x8100);
	packet_vlan(p, 2, 0x8100);
	packet_vlan(p, 3, 0x88a8);
	packet_eth(p);
}

static void not_local4(struct packet *p)
{
	decap_start4(p);
	packet_ip4(p, &(struct packet_ip4){ .src = "198.51.100.9", .dst = "192.0.2.2" });
	packet_eth(p);
}

static void not_local6(struct packet *p)
{
	decap_start4(p);
	packet_ip6(p, &(struct packet_ip6){ .src = "2001:db8:9::9", .dst = "2001:db8::2" });
	packet_eth(p);
}

/* The IPv6 address that ends in the bytes of a local IPv4 address is another one. */
static void not_local_but_like_it(struct packet *p)
{
	decap_start4(p);
	packet_ip6(p, &(struct packet_ip6){ .src = "2001:db8:9::9", .dst = "::192.0.2.1" });
	packet_eth(p);
}

static void cut_outer4(struct packet *p)
{
	decap_ip4_in_ip4(p);
	packet_cut(p, ETH_LEN + 12);
}

static void short_outer4(struct packet *p)
{
	decap_ip4_in_ip4(p);
	packet_cut(p, p->len - 1);
}

static void short_outer6(struct packet *p)
{
	decap_ip6_in_ip6(p);
	packet_cut(p, p->len - 1);
}

static void build_outer_fragment4(struct packet *p, uint16_t fragment)
{
	struct packet_ip4 ip = decap_outer4;

	ip.fragment = fragment;
	decap_start4(p);
	packet_ip4(p, &ip);
	packet_eth(p);
}

static void first_fragment4(struct packet *p)
{
	build_outer_fragment4(p, 0x2000);
}

static void last_fragment4(struct packet *p)
{
	build_outer_fragment4(p, 100);
}

static void plain_fragment4(struct packet *p)
{
	struct packet_ip4 ip = decap_outer4;

	ip.fragment = 0x2000;
	packet_start(p, "the first part of some TCP segment", 34);
	p->proto = IPPROTO_TCP;
	packet_ip4(p, &ip);
	packet_eth(p);
}

static void first_fragment6(struct packet *p)
{
	decap_start6(p);
	packet_ip6_fragment(p, 0, true);
	decap_finish6(p);
}

static void last_fragment6(struct packet *p)
{
	decap_start6(p);
	packet_ip6_fragment(p, 800, false);
	decap_finish6(p);
}

static void outer_options4(struct packet *p)
{
	struct packet_ip4 ip = decap_outer4;

	ip.options_len = 4;
	decap_start4(p);
	packet_ip4(p, &ip);
	packet_eth(p);
}

static void outer_hop_by_hop6(struct packet *p)
{
	decap_start6(p);
	packet_ip6_ext(p, IPPROTO_HOPOPTS, 8);
	decap_finish6(p);
}

static void outer_routing6(struct packet *p)
{
	decap_start6(p);
	packet_ip6_ext(p, IPPROTO_DSTOPTS, 8);
	packet_ip6_ext(p, IPPROTO_ROUTING, 24);
	decap_finish6(p);
}

static void ip6_called_ip4(struct packet *p)
{
	decap_start6(p);
	p->proto = IPPROTO_IPIP;
	decap_finish4(p);
}

static void ip4_called_ip6(struct packet *p)
{
	decap_start4(p);
	p->proto = IPPROTO_IPV6;
	decap_finish4(p);
}

static void nothing_inside(struct packet *p)
{
	packet_start(p, "", 0);
	p->proto = IPPROTO_IPIP;
	decap_finish4(p);
	packet_pad(p, 60);
}

static void start_cut(struct packet *p, uint8_t proto, unsigned char first, size_t len)
{
	unsigned char bytes[40] = { first };

	packet_start(p, bytes, len);
	p->proto = proto;
}

static void cut_inner4(struct packet *p)
{
	start_cut(p, IPPROTO_IPIP, 0x45, 19);
	decap_finish4(p);
}

static void cut_inner6(struct packet *p)
{
	start_cut(p, IPPROTO_IPV6, 0x60, 39);
	decap_finish6(p);
}

static void short_inner_header(struct packet *p)
{
	decap_start4(p);
	packet_bytes(p)[0] = 0x44;
	decap_finish4(p);
}

/* Longer than the outer payload, though the frame has as many bytes. */
static void inner4_beyond_payload(struct packet *p)
{
	decap_start4(p);
	packet_bytes(p)[3]++;
	decap_finish6(p);
	packet_pad(p, p->len + 10);
}

static void inner6_beyond_payload(struct packet *p)
{
	decap_start6(p);
	packet_bytes(p)[5]++;
	decap_finish4(p);
	packet_pad(p, p->len + 10);
}

static void ip4_in_ip4_in_ip4(struct packet *p)
{
	decap_start4(p);
	packet_ip4(p, &decap_inner4);
	decap_finish4(p);
}

static void ip6_in_ip4_in_ip6(struct packet *p)
{
	decap_start6(p);
	packet_ip4(p, &decap_inner4);
	decap_finish6(p);
}

static void nested_behind_options(struct packet *p)
{
	decap_start4(p);
	packet_ip6_ext(p, IPPROTO_DSTOPTS, 8);
	packet_ip6(p, &decap_inner6);
	decap_finish6(p);
}

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }

static const struct decap_config no_parts = { .drop_fragments = true };

static const struct decap_case cases[] = {
	CASE(does_not_count_ip4_without_a_tunnel, decap_plain4, NULL, DECAP_UNCOUNTED),
	CASE(does_not_count_ip6_without_a_tunnel, decap_plain6, NULL, DECAP_UNCOUNTED),
	CASE(does_not_count_other_tunnels, gre, NULL, DECAP_UNCOUNTED),
	CASE(does_not_count_arp, arp, NULL, DECAP_UNCOUNTED),
	CASE(does_not_look_behind_three_tags, three_tags, NULL, DECAP_UNCOUNTED),
	CASE(leaves_tunnels_to_another_ip4_address, not_local4, NULL, DECAP_NOT_LOCAL),
	CASE(leaves_tunnels_to_another_ip6_address, not_local6, NULL, DECAP_NOT_LOCAL),
	CASE(tells_an_ip4_address_from_an_ip6_one, not_local_but_like_it, NULL, DECAP_NOT_LOCAL),
	CASE(leaves_a_cut_outer_header, cut_outer4, NULL, DECAP_BAD_OUTER),
	CASE(leaves_an_outer_ip4_length_beyond_the_frame, short_outer4, NULL, DECAP_BAD_OUTER),
	CASE(leaves_an_outer_ip6_length_beyond_the_frame, short_outer6, NULL, DECAP_BAD_OUTER),
	CASE(leaves_a_first_fragment, first_fragment4, NULL, DECAP_FRAGMENT),
	CASE(leaves_a_last_fragment, last_fragment4, NULL, DECAP_FRAGMENT),
	CASE(leaves_a_first_ip6_fragment, first_fragment6, NULL, DECAP_FRAGMENT),
	CASE(leaves_a_last_ip6_fragment, last_fragment6, NULL, DECAP_FRAGMENT),
	CASE(drops_a_first_fragment_if_told, first_fragment4, NULL, DECAP_PART, &no_parts),
	CASE(drops_a_last_fragment_if_told, last_fragment4, NULL, DECAP_PART, &no_parts),
	CASE(drops_an_ip6_fragment_if_told, last_fragment6, NULL, DECAP_PART, &no_parts),
	CASE(drops_a_fragment_of_no_tunnel_if_told, plain_fragment4, NULL, DECAP_PART, &no_parts),
	CASE(drops_nothing_but_fragments_if_told, decap_plain4, NULL, DECAP_UNCOUNTED, &no_parts),
	CASE(leaves_a_fragment_of_no_tunnel, plain_fragment4, NULL, DECAP_UNCOUNTED),
	CASE(leaves_outer_ip4_options, outer_options4, NULL, DECAP_OPTIONS),
	CASE(leaves_outer_hop_by_hop_options, outer_hop_by_hop6, NULL, DECAP_OPTIONS),
	CASE(leaves_an_outer_routing_header, outer_routing6, NULL, DECAP_OPTIONS),
	CASE(leaves_ip6_that_is_called_ip4, ip6_called_ip4, NULL, DECAP_BAD_INNER),
	CASE(leaves_ip4_that_is_called_ip6, ip4_called_ip6, NULL, DECAP_BAD_INNER),
	CASE(leaves_a_tunnel_with_nothing_inside, nothing_inside, NULL, DECAP_BAD_INNER),
	CASE(leaves_a_cut_inner_ip4_header, cut_inner4, NULL, DECAP_BAD_INNER),
	CASE(leaves_a_cut_inner_ip6_header, cut_inner6, NULL, DECAP_BAD_INNER),
	CASE(leaves_an_inner_header_that_is_too_short, short_inner_header, NULL, DECAP_BAD_INNER),
	CASE(leaves_inner_ip4_beyond_the_outer_payload, inner4_beyond_payload, NULL,
	     DECAP_BAD_INNER),
	CASE(leaves_inner_ip6_beyond_the_outer_payload, inner6_beyond_payload, NULL,
	     DECAP_BAD_INNER),
	CASE(leaves_a_tunnel_in_a_tunnel, ip4_in_ip4_in_ip4, NULL, DECAP_NESTED),
	CASE(leaves_tunnels_of_different_kinds, ip6_in_ip4_in_ip6, NULL, DECAP_NESTED),
	CASE(finds_the_tunnel_behind_inner_options, nested_behind_options, NULL, DECAP_NESTED),
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, decap_case_run, cases);
	return tap_run(&plan, "decap_left", 1);
}
