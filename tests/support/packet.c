/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/packet.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL_DEFAULT 64

/* A test that builds nonsense is wrong itself: no use in going on. */
static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "packet: %s\n", what);
	abort();
}

uint32_t packet_sum(uint32_t sum, const void *bytes, size_t len)
{
	const unsigned char *byte = bytes;
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? byte[i] : (uint32_t)byte[i] << 8;
	return sum;
}

uint16_t packet_sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void set_be16(unsigned char *at, uint16_t value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

unsigned char *packet_bytes(struct packet *p)
{
	return p->room + p->start;
}

void packet_start(struct packet *p, const void *payload, size_t len)
{
	require(len <= PACKET_SIZE_MAX, "payload does not fit");
	*p = (struct packet){ .start = PACKET_SIZE_MAX - len, .len = len };
	memcpy(packet_bytes(p), payload, len);
}

unsigned char *packet_push(struct packet *p, size_t len)
{
	require(len <= p->start, "too many headers");
	p->start -= len;
	p->len += len;
	return memset(packet_bytes(p), 0, len);
}

static void defer_sum(struct packet *p, uint8_t proto, size_t at)
{
	p->sum_proto = proto;
	p->sum_start = p->start;
	p->sum_at = p->start + at;
	p->proto = proto;
}

/* Headers are made beside the packet, where they are aligned. */
static void push_header(struct packet *p, const void *header, size_t len)
{
	memcpy(packet_push(p, len), header, len);
}

void packet_udp(struct packet *p, uint16_t src_port, uint16_t dst_port)
{
	struct udphdr udp = {
		.source = htons(src_port),
		.dest = htons(dst_port),
		.len = htons((uint16_t)(sizeof(udp) + p->len)),
	};

	push_header(p, &udp, sizeof(udp));
	defer_sum(p, IPPROTO_UDP, offsetof(struct udphdr, check));
}

void packet_tcp(struct packet *p, uint16_t src_port, uint16_t dst_port, uint8_t flags)
{
	struct tcphdr tcp = {
		.source = htons(src_port),
		.dest = htons(dst_port),
		.seq = htonl(1),
		.doff = sizeof(tcp) / 4,
		.window = htons(0xffff),
	};

	tcp.th_flags = flags;
	push_header(p, &tcp, sizeof(tcp));
	defer_sum(p, IPPROTO_TCP, offsetof(struct tcphdr, check));
}

void packet_icmp(struct packet *p, uint8_t type, uint8_t code)
{
	struct icmphdr icmp = { .type = type, .code = code };

	push_header(p, &icmp, sizeof(icmp));
	set_be16(packet_bytes(p) + offsetof(struct icmphdr, checksum),
		 packet_sum_fold(packet_sum(0, packet_bytes(p), p->len)));
	p->proto = IPPROTO_ICMP;
}

void packet_icmp6(struct packet *p, uint8_t type, uint8_t code)
{
	struct icmp6_hdr icmp = { .icmp6_type = type, .icmp6_code = code };

	push_header(p, &icmp, sizeof(icmp));
	defer_sum(p, IPPROTO_ICMPV6, offsetof(struct icmp6_hdr, icmp6_cksum));
}

/* The pseudo header is the same sum for both families (RFC 768, RFC 8200 8.1). */
static void complete_sum(struct packet *p, const void *addresses, size_t addresses_len)
{
	size_t len = PACKET_SIZE_MAX - p->sum_start;
	uint32_t sum = packet_sum((uint32_t)len + p->sum_proto, addresses, addresses_len);
	uint16_t folded = packet_sum_fold(packet_sum(sum, p->room + p->sum_start, len));

	if (!folded && p->sum_proto == IPPROTO_UDP)
		folded = 0xffff;
	set_be16(p->room + p->sum_at, folded);
	p->sum_proto = 0;
}

void packet_ip6_ext(struct packet *p, uint8_t proto, size_t len)
{
	unsigned char *ext = packet_push(p, len);

	require(len >= 8 && len % 8 == 0 && len <= 2048, "bad length of an extension header");
	ext[0] = p->proto;
	ext[1] = (unsigned char)(len / 8 - 1);
	ext[2] = 1; /* PadN over the rest, where the header holds options */
	ext[3] = (unsigned char)(len - 4);
	p->proto = proto;
}

void packet_ip6_auth(struct packet *p, size_t len)
{
	unsigned char *auth = packet_push(p, len);

	require(len >= 16 && len % 8 == 0, "bad length of an authentication header");
	auth[0] = p->proto;
	auth[1] = (unsigned char)(len / 4 - 2);
	p->proto = IPPROTO_AH;
}

void packet_ip6_fragment(struct packet *p, uint16_t offset, bool has_more)
{
	struct ip6_frag fragment = {
		.ip6f_nxt = p->proto,
		.ip6f_offlg = htons(offset | has_more),
		.ip6f_ident = htonl(1),
	};

	require(offset % 8 == 0, "bad fragment offset");
	push_header(p, &fragment, sizeof(fragment));
	p->proto = IPPROTO_FRAGMENT;
}

void packet_ip4(struct packet *p, const struct packet_ip4 *spec)
{
	struct {
		struct iphdr ip;
		unsigned char options[MAX_IPOPTLEN];
	} header = {};
	size_t header_len = sizeof(header.ip) + spec->options_len;

	require(spec->options_len % 4 == 0 && spec->options_len <= MAX_IPOPTLEN,
		"bad length of options");
	header.ip.version = 4;
	header.ip.ihl = header_len / 4;
	header.ip.tos = spec->tos;
	header.ip.tot_len = htons((uint16_t)(header_len + p->len));
	header.ip.id = htons(1);
	header.ip.frag_off = htons(spec->fragment);
	header.ip.ttl = spec->ttl ? spec->ttl : TTL_DEFAULT;
	header.ip.protocol = spec->proto ? spec->proto : p->proto;
	require(inet_pton(AF_INET, spec->src, &header.ip.saddr) == 1, "bad IPv4 source");
	require(inet_pton(AF_INET, spec->dst, &header.ip.daddr) == 1, "bad IPv4 destination");
	memset(header.options, IPOPT_NOP, spec->options_len);
	header.ip.check = htons(packet_sum_fold(packet_sum(0, &header, header_len)));
	push_header(p, &header, header_len);

	if (p->sum_proto)
		complete_sum(p, &header.ip.saddr, 8);
	p->ethertype = ETHERTYPE_IP;
	p->proto = IPPROTO_IPIP;
}

void packet_ip6(struct packet *p, const struct packet_ip6 *spec)
{
	struct ip6_hdr ip = {};

	ip.ip6_flow = htonl(6U << 28 | (uint32_t)spec->traffic_class << 20);
	ip.ip6_plen = htons((uint16_t)p->len);
	ip.ip6_nxt = spec->proto ? spec->proto : p->proto;
	ip.ip6_hlim = spec->hop_limit ? spec->hop_limit : TTL_DEFAULT;
	require(inet_pton(AF_INET6, spec->src, &ip.ip6_src) == 1, "bad IPv6 source");
	require(inet_pton(AF_INET6, spec->dst, &ip.ip6_dst) == 1, "bad IPv6 destination");
	push_header(p, &ip, sizeof(ip));

	if (p->sum_proto)
		complete_sum(p, &ip.ip6_src, 32);
	p->ethertype = ETHERTYPE_IPV6;
	p->proto = IPPROTO_IPV6;
}

void packet_vlan(struct packet *p, uint16_t tci, uint16_t tpid)
{
	unsigned char *tag = packet_push(p, 4);

	set_be16(tag, tci);
	set_be16(tag + 2, p->ethertype);
	p->ethertype = tpid;
}

void packet_eth(struct packet *p)
{
	struct ether_header eth = { .ether_type = htons(p->ethertype) };

	memcpy(eth.ether_dhost, PACKET_MAC_DST, ETH_ALEN);
	memcpy(eth.ether_shost, PACKET_MAC_SRC, ETH_ALEN);
	push_header(p, &eth, sizeof(eth));
}

void packet_cut(struct packet *p, size_t len)
{
	require(len <= p->len, "cannot cut to more than there is");
	p->len = len;
}

void packet_pad(struct packet *p, size_t len)
{
	require(len >= p->len && len <= PACKET_SIZE_MAX, "cannot pad to less than there is");
	memmove(p->room, packet_bytes(p), p->len);
	memset(p->room + p->len, 0, len - p->len);
	p->start = 0;
	p->len = len;
}
