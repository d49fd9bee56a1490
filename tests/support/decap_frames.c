/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/decap_frames.h"

#include <netinet/in.h>
#include <string.h>

const struct packet_ip4 decap_outer4 = { .src = "198.51.100.9", .dst = DECAP_LOCAL4 };
const struct packet_ip6 decap_outer6 = { .src = "2001:db8:9::9", .dst = DECAP_LOCAL6 };
const struct packet_ip4 decap_inner4 = { .src = "203.0.113.7", .dst = DECAP_LOCAL4, .ttl = 17 };
const struct packet_ip6 decap_inner6 = { .src = "2001:db8:7::7", .dst = DECAP_LOCAL6 };

void decap_start4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 40000, 80, 2);
	packet_ip4(p, &decap_inner4);
}

void decap_start6(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 53);
	packet_ip6(p, &decap_inner6);
}

void decap_finish4(struct packet *p)
{
	packet_ip4(p, &decap_outer4);
	packet_eth(p);
}

void decap_finish6(struct packet *p)
{
	packet_ip6(p, &decap_outer6);
	packet_eth(p);
}

void decap_plain4(struct packet *p)
{
	decap_start4(p);
	packet_eth(p);
}

void decap_plain6(struct packet *p)
{
	decap_start6(p);
	packet_eth(p);
}

void decap_variant1(struct packet *p)
{
	packet_udp(p, 50000, DECAP_GUE_PORT);
}

void decap_variant0(struct packet *p, uint8_t first, uint8_t proto)
{
	size_t words = first & 0x1f;
	unsigned char *gue;

	memset(packet_push(p, words * 4), 0xee, words * 4);
	gue = packet_push(p, 4);
	gue[0] = first;
	gue[1] = proto;
	gue[2] = words ? 0x80 : 0;
	packet_udp(p, 50000, DECAP_GUE_PORT);
}

void decap_ip4_in_ip4(struct packet *p)
{
	decap_start4(p);
	decap_finish4(p);
}

void decap_ip6_in_ip6(struct packet *p)
{
	decap_start6(p);
	decap_finish6(p);
}

void decap_gue4_in_ip4(struct packet *p)
{
	decap_start4(p);
	decap_variant1(p);
	decap_finish4(p);
}

void decap_gue6_in_ip6(struct packet *p)
{
	decap_start6(p);
	decap_variant1(p);
	decap_finish6(p);
}

void decap_gue_in(struct packet *p, const struct packet_ip4 *outer)
{
	decap_start4(p);
	decap_variant1(p);
	packet_ip4(p, outer);
	packet_eth(p);
}

void decap_gue_version2(struct packet *p)
{
	decap_start4(p);
	decap_variant0(p, 0x80, IPPROTO_IPIP);
	decap_finish4(p);
}

void decap_gue_first_part(struct packet *p)
{
	struct packet_ip4 outer = decap_outer4;

	outer.fragment = 0x2000;
	decap_gue_in(p, &outer);
}

void decap_gue_options(struct packet *p)
{
	struct packet_ip4 outer = decap_outer4;

	outer.options_len = 4;
	decap_gue_in(p, &outer);
}

void decap_gue_elsewhere(struct packet *p)
{
	struct packet_ip4 outer = decap_outer4;

	outer.dst = "192.0.2.200";
	decap_gue_in(p, &outer);
}

void decap_tag_once(struct packet *p)
{
	packet_vlan(p, 0x2064, 0x8100);
	packet_eth(p);
}

void decap_tag_twice(struct packet *p)
{
	packet_vlan(p, 0x2064, 0x8100);
	packet_vlan(p, 200, 0x88a8);
	packet_eth(p);
}
