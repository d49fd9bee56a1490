/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/lb_random.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define ETH_LEN 14
#define IP4_LEN 20
#define IP6_LEN 40
#define PAYLOAD_MAX 1700
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define ECHO4 8
#define UNREACHABLE4 3
#define ECHO6 128
#define UNREACHABLE6 1
#define TOO_BIG6 2
/* Below the port of GUE: what goes to that is a tunnel. */
#define PORTS 6000

uint32_t lb_random_below(struct lb_random *random, uint32_t below)
{
	random->state = random->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((random->state >> 32) * below >> 32);
}

static bool one_in(struct lb_random *random, uint32_t count)
{
	return !lb_random_below(random, count);
}

static uint8_t draw_byte(struct lb_random *random)
{
	return (uint8_t)lb_random_below(random, 256);
}

/* --- one packet ------------------------------------------------------------------------------ */

/* Who sends to whom, while it is drawn. */
struct draw {
	struct lb_random *random;
	const struct lb_case_vip *vip;
	char client[64], dest[64];
	uint16_t client_port, port;
	bool is_ip6;
};

static void draw_addresses(struct draw *draw)
{
	struct lb_random *random = draw->random;
	uint32_t low = lb_random_below(random, 250) + 1;

	draw->is_ip6 = strchr(draw->vip->addr, ':');
	if (draw->is_ip6)
		snprintf(draw->client, sizeof(draw->client), "2001:db8:1::%x:%x",
			 lb_random_below(random, 2) << 15, low);
	else
		snprintf(draw->client, sizeof(draw->client), "198.51.100.%u", low);
	if (!draw->vip->prefix_len)
		snprintf(draw->dest, sizeof(draw->dest), "%s", draw->vip->addr);
	else if (draw->is_ip6)
		snprintf(draw->dest, sizeof(draw->dest), "%s%x", draw->vip->addr, low);
	else
		snprintf(draw->dest, sizeof(draw->dest), "203.0.113.%u", 64 + low % 64);
}

static void draw_ports(struct draw *draw)
{
	struct lb_random *random = draw->random;

	/* Few of them at times, so that flows are met again. */
	draw->client_port = (uint16_t)(one_in(random, 2) ? 31000 + lb_random_below(random, 64) :
							   1 + lb_random_below(random, 65535));
	/* An answer to it would be a tunnel with anything in it. */
	if (draw->client_port == LB_RANDOM_GUE_PORT)
		draw->client_port++;
	draw->port = draw->vip->port ? draw->vip->port :
				       (uint16_t)(1 + lb_random_below(random, PORTS));
}

static size_t draw_len(struct lb_random *random)
{
	switch (lb_random_below(random, 16)) {
	case 0:
		return lb_random_below(random, PAYLOAD_MAX);
	case 1:
		return 1380 + lb_random_below(random, 120);
	case 2:
	case 3:
		return lb_random_below(random, 600);
	default:
		return lb_random_below(random, 64);
	}
}

/* A server id that is known, or nearly so. */
static uint32_t draw_id(struct lb_random *random)
{
	static const uint32_t ids[] = { 0, 1022, 1023, 1024, 1025, 66558, 0x7fffffff, 0xffffffff };

	return ids[lb_random_below(random, sizeof(ids) / sizeof(ids[0]))];
}

static void put_be32(unsigned char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* An id as connection ids of version 1, 2 and 3 carry it. */
static void put_quic_id(struct lb_random *random, unsigned char *at)
{
	uint32_t version = lb_random_below(random, 4), id = draw_id(random);

	if (version == 1)
		put_be32(at, id << 14);
	else if (version == 2)
		put_be32(at, id & 0xffffff);
	else
		put_be32(at + 1, id);
	at[0] = (unsigned char)(version << 6 | (at[0] & 0x3f));
}

/* What VIPs with ids look at; @payload has at least 16 bytes. */
static void put_ids(struct lb_random *random, unsigned char *payload)
{
	switch (lb_random_below(random, 4)) {
	case 0:
		payload[0] = 0x40;
		put_quic_id(random, payload + 1);
		break;
	case 1:
		payload[0] = (unsigned char)(0xc0 | lb_random_below(random, 4) << 4);
		payload[5] = (unsigned char)lb_random_below(random, 20);
		put_quic_id(random, payload + 6);
		break;
	case 2:
		put_be32(payload, draw_id(random));
		payload[0] = 0x52;
		break;
	default:
		break;
	}
}

static void start_payload(struct lb_random *random, struct packet *p)
{
	static unsigned char bytes[PAYLOAD_MAX + 16];
	size_t len = draw_len(random), i;

	/* The rest is of earlier packets: what matters is near the start. */
	for (i = 0; i < 16; i++)
		bytes[i] = draw_byte(random);
	put_ids(random, bytes);
	packet_start(p, bytes, len);
}

/* Options in front of what is there, and as many words. */
static unsigned int push_options(struct lb_random *random, struct packet *p)
{
	unsigned int words = lb_random_below(random, 5);
	unsigned char *bytes = packet_push(p, words * 4);
	uint32_t id = draw_id(random);

	memset(bytes, 1, words * 4);
	if (words >= 2) {
		bytes += lb_random_below(random, words * 4 - 6 + 1);
		bytes[0] = one_in(random, 8) ? 0xb8 : 0xb7;
		bytes[1] = 6;
		memcpy(bytes + 2, &id, sizeof(id));
	}
	return words;
}

static void push_tcp(struct draw *draw, struct packet *p, uint16_t from, uint16_t to)
{
	static const uint8_t flags[] = { TCP_ACK, TCP_ACK, TCP_ACK,
					 TCP_SYN, TCP_RST, TCP_SYN | TCP_ACK };
	unsigned int words = push_options(draw->random, p);

	packet_tcp(p, from, to, flags[lb_random_below(draw->random, sizeof(flags))]);
	packet_bytes(p)[12] = (unsigned char)((5 + words) << 4);
}

static void push_transport(struct draw *draw, struct packet *p, uint16_t from, uint16_t to)
{
	start_payload(draw->random, p);
	if (draw->vip->proto == IPPROTO_TCP)
		push_tcp(draw, p, from, to);
	else
		packet_udp(p, from, to);
}

static void push_ip(struct draw *draw, struct packet *p, const char *from, const char *to)
{
	uint8_t tos = one_in(draw->random, 4) ? draw_byte(draw->random) : 0;
	uint8_t ttl = one_in(draw->random, 8) ? (uint8_t)(1 + draw_byte(draw->random) % 3) : 64;

	if (strchr(from, ':'))
		packet_ip6(p, &(struct packet_ip6){ .src = from,
						    .dst = to,
						    .traffic_class = tos,
						    .hop_limit = ttl });
	else
		packet_ip4(p,
			   &(struct packet_ip4){ .src = from, .dst = to, .tos = tos, .ttl = ttl });
}

static void push_echo(struct draw *draw, struct packet *p)
{
	start_payload(draw->random, p);
	if (draw->is_ip6)
		packet_icmp6(p, ECHO6, 0);
	else
		packet_icmp(p, ECHO4, 0);
	push_ip(draw, p, draw->client, draw->dest);
}

/* About a packet of the VIP to the client. */
static void push_error(struct draw *draw, struct packet *p)
{
	push_transport(draw, p, draw->port, draw->client_port);
	push_ip(draw, p, draw->dest, draw->client);
	if (draw->is_ip6)
		packet_icmp6(p, one_in(draw->random, 2) ? TOO_BIG6 : UNREACHABLE6, 0);
	else
		packet_icmp(p, UNREACHABLE4, (uint8_t)lb_random_below(draw->random, 6));
	push_ip(draw, p, draw->is_ip6 ? "2001:db8:1::fe" : "198.51.100.254", draw->dest);
}

static void push_other(struct draw *draw, struct packet *p)
{
	struct packet_ip4 ip4 = { .src = draw->client, .dst = draw->dest };
	struct packet_ip6 ip6 = { .src = draw->client, .dst = draw->dest };

	push_transport(draw, p, draw->client_port, draw->port);
	switch (lb_random_below(draw->random, 3)) {
	case 0:
		ip4.fragment = (uint16_t)(0x2000 | lb_random_below(draw->random, 100));
		break;
	case 1:
		ip4.options_len = 4 * (1 + lb_random_below(draw->random, 10));
		break;
	default:
		ip4.proto = ip6.proto = IPPROTO_GRE;
		break;
	}
	if (draw->is_ip6)
		packet_ip6(p, &ip6);
	else
		packet_ip4(p, &ip4);
}

static void draw_inner(struct draw *draw, const char *real, struct packet *p)
{
	switch (lb_random_below(draw->random, 16)) {
	case 0:
		push_echo(draw, p);
		break;
	case 1:
		push_error(draw, p);
		break;
	case 2:
		push_transport(draw, p, draw->port, draw->client_port);
		push_ip(draw, p, real, draw->is_ip6 ? "2001:db8:1::7" : "198.51.100.7");
		break;
	case 3:
		push_other(draw, p);
		break;
	case 4:
		draw->port = (uint16_t)(1 + lb_random_below(draw->random, PORTS));
		/* fallthrough */
	default:
		push_transport(draw, p, draw->client_port, draw->port);
		push_ip(draw, p, draw->client, draw->dest);
		break;
	}
}

static void push_tunnel(struct draw *draw, struct packet *p)
{
	static const char *const ends4[] = { LB_RANDOM_TUNNEL4, LB_RANDOM_TUNNEL4, LB_RANDOM_OWN4,
					     "203.0.113.251" };
	static const char *const ends6[] = { LB_RANDOM_TUNNEL6, LB_RANDOM_TUNNEL6, LB_RANDOM_OWN6,
					     "2001:db8:2::fb" };
	uint32_t end = lb_random_below(draw->random, 4);

	if (one_in(draw->random, 2))
		packet_udp(p, draw->client_port, LB_RANDOM_GUE_PORT);
	if (one_in(draw->random, 2))
		push_ip(draw, p, "198.51.100.254", ends4[end]);
	else
		push_ip(draw, p, "2001:db8:1::fe", ends6[end]);
}

/* --- what no sender sends -------------------------------------------------------------------- */

/* Near the front, where headers are. */
static unsigned char *draw_place(struct lb_random *random, struct packet *p)
{
	size_t reach = one_in(random, 2) ? 54 : 160;

	return packet_bytes(p) +
	       lb_random_below(random, (uint32_t)(p->len < reach ? p->len : reach));
}

static void spoil_once(struct lb_random *random, struct packet *p)
{
	/* Version, length, fragments, protocol, next header, hop limit. */
	static const unsigned char fields[] = { 0, 2, 3, 4, 5, 6, 7, 8, 9, 20, 40 };

	switch (lb_random_below(random, 6)) {
	case 0:
		packet_cut(p, ETH_LEN + lb_random_below(random, (uint32_t)(p->len - ETH_LEN + 1)));
		break;
	case 1:
		packet_cut(p, ETH_LEN + lb_random_below(random, 120) % (p->len - ETH_LEN + 1));
		break;
	case 2:
		*draw_place(random, p) ^= (unsigned char)(1 << lb_random_below(random, 8));
		break;
	case 3:
		if (p->len > ETH_LEN + 40)
			packet_bytes(p)[ETH_LEN + fields[lb_random_below(random, sizeof(fields))]] =
				draw_byte(random);
		break;
	default:
		*draw_place(random, p) = draw_byte(random);
		break;
	}
}

static void spoil(struct lb_random *random, struct packet *p)
{
	unsigned int times = 1 + lb_random_below(random, 4);
	size_t i;

	if (one_in(random, 32))
		for (i = ETH_LEN; i < p->len && i < 200; i++)
			packet_bytes(p)[i] = draw_byte(random);
	while (times--)
		spoil_once(random, p);
}

bool lb_random_packet(struct lb_random *random, const struct lb_case_vip *vip, const char *real,
		      struct packet *p)
{
	struct draw draw = { .random = random, .vip = vip };
	unsigned int tunnels = 0;

	draw_addresses(&draw);
	draw_ports(&draw);
	draw_inner(&draw, real, p);
	if (one_in(random, 3))
		tunnels = one_in(random, 4) ? 1 + lb_random_below(random, 5) : 1;
	while (tunnels--)
		push_tunnel(&draw, p);
	if (one_in(random, 64))
		packet_vlan(p, 100, 0x8100);
	packet_eth(p);
	if (one_in(random, 8))
		packet_pad(p, p->len + lb_random_below(random, 40));
	if (one_in(random, 2))
		return true;
	spoil(random, p);
	return false;
}

/* --- what has to be right -------------------------------------------------------------------- */

static size_t get_be16(const unsigned char *at)
{
	return (size_t)at[0] << 8 | at[1];
}

/* @sum has the pseudo header in it. */
static bool is_payload_sound(uint8_t proto, uint32_t sum, const unsigned char *bytes, size_t len)
{
	bool is_right = !packet_sum_fold(packet_sum(sum + (uint32_t)len + proto, bytes, len));

	switch (proto) {
	case IPPROTO_IPIP:
		return len && bytes[0] >> 4 == 4 && lb_random_is_sound(bytes, len);
	case IPPROTO_IPV6:
		return len && bytes[0] >> 4 == 6 && lb_random_is_sound(bytes, len);
	case IPPROTO_TCP:
		return len >= 20 && is_right;
	case IPPROTO_ICMPV6:
		return len >= 8 && is_right;
	case IPPROTO_ICMP:
		return len >= 8 && !packet_sum_fold(packet_sum(0, bytes, len));
	case IPPROTO_UDP:
		if (len < 8 || get_be16(bytes + 4) != len || (get_be16(bytes + 6) && !is_right))
			return false;
		return get_be16(bytes + 2) != LB_RANDOM_GUE_PORT ||
		       lb_random_is_sound(bytes + 8, len - 8);
	default:
		return true;
	}
}

bool lb_random_is_sound(const unsigned char *ip, size_t len)
{
	size_t total, header;

	if (len >= IP6_LEN && ip[0] >> 4 == 6) {
		total = IP6_LEN + get_be16(ip + 4);
		return total <= len && is_payload_sound(ip[6], packet_sum(0, ip + 8, 32),
							ip + IP6_LEN, total - IP6_LEN);
	}
	if (len < IP4_LEN || ip[0] >> 4 != 4)
		return false;
	header = (size_t)(ip[0] & 15) * 4;
	total = get_be16(ip + 2);
	if (header < IP4_LEN || total < header || total > len ||
	    packet_sum_fold(packet_sum(0, ip, header)))
		return false;
	if (get_be16(ip + 6) & 0x3fff)
		return true;
	return is_payload_sound(ip[9], packet_sum(0, ip + 12, 8), ip + header, total - header);
}
