/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet of TCP and the key of its rule, for both directions. What a rule may be changed for
 * is read at fixed places: options of IPv4, fragments and extension headers of IPv6 are no part
 * of a connection that is handed over.
 */
#ifndef HANDOFF_DATA_PACKET_H
#define HANDOFF_DATA_PACKET_H

#include <stddef.h>

#include "bpf/parse.h"
#include "programs/handoff/handoff_abi.h"

/* More follow, or an offset; as in the header. */
#define PACKET_FRAGMENT 0x3fff

enum packet_kind {
	PACKET_TCP,
	PACKET_OTHER, /* no TCP that can be told */
	PACKET_OPTIONS,
	PACKET_FRAGMENTED,
	PACKET_CUT,
};

struct packet {
	void *ip; /* struct iphdr or ipv6hdr */
	struct tcphdr *tcp;
	bool is_ip6;
	bool is_out;   /* the host is the sender */
	bool is_large; /* a segment to be divided, which in BIG TCP has no length */
	__u32 data_len;
	struct handoff_key key;
};

/* What the IP header says of its payload, held against the frame and the TCP header. */
static __always_inline enum packet_kind read_tcp(const struct parse_cursor *cursor,
						 struct packet *packet, void *tcp, __u32 len)
{
	struct handoff_key *key = &packet->key;

	packet->tcp = tcp;
	if ((void *)(packet->tcp + 1) > cursor->end)
		return PACKET_CUT;
	if (len < packet->tcp->doff * 4 || packet->tcp->doff * 4 < sizeof(struct tcphdr) ||
	    len > parse_left(cursor, tcp))
		return PACKET_CUT;
	packet->data_len = len - packet->tcp->doff * 4;
	key->client_port = packet->is_out ? packet->tcp->dest : packet->tcp->source;
	key->local_port = packet->is_out ? packet->tcp->source : packet->tcp->dest;
	return PACKET_TCP;
}

static __always_inline void set_address4(__be32 address[4], __be32 from)
{
	address[HANDOFF_MAPPED_WORD] = bpf_htonl(0xffff);
	address[HANDOFF_MAPPED_WORD + 1] = from;
}

static __always_inline enum packet_kind read_ip4(const struct parse_cursor *cursor,
						 struct packet *packet)
{
	struct iphdr *ip = cursor->pos;
	__u32 len;

	if ((void *)(ip + 1) > cursor->end || ip->version != 4)
		return PACKET_CUT;
	if (ip->protocol != IPPROTO_TCP)
		return PACKET_OTHER;
	if (ip->frag_off & bpf_htons(PACKET_FRAGMENT))
		return PACKET_FRAGMENTED;
	if (ip->ihl != sizeof(*ip) / 4)
		return ip->ihl < sizeof(*ip) / 4 ? PACKET_CUT : PACKET_OPTIONS;
	len = bpf_ntohs(ip->tot_len);
	if (!len && packet->is_large)
		len = parse_left(cursor, ip);
	if (len < sizeof(*ip))
		return PACKET_CUT;
	packet->ip = ip;
	set_address4(packet->key.client, packet->is_out ? ip->daddr : ip->saddr);
	set_address4(packet->key.local, packet->is_out ? ip->saddr : ip->daddr);
	return read_tcp(cursor, packet, ip + 1, len - sizeof(*ip));
}

/* What a segment of BIG TCP has behind the IPv6 header: RFC 2675, up to Linux 6.18. */
struct packet_jumbo {
	__u8 next;
	__u8 len;
	__u8 rest[6];
};

static __always_inline enum packet_kind read_ip6(const struct parse_cursor *cursor,
						 struct packet *packet)
{
	struct ipv6hdr *ip = cursor->pos;
	struct packet_jumbo *jumbo = (void *)(ip + 1);
	void *tcp = ip + 1;
	__u32 len;
	__u8 proto;

	if ((void *)(ip + 1) > cursor->end || ip->version != 6)
		return PACKET_CUT;
	len = bpf_ntohs(ip->payload_len);
	proto = ip->nexthdr;
	if (packet->is_large && !len && proto == IPPROTO_HOPOPTS) {
		if ((void *)(jumbo + 1) > cursor->end || jumbo->len)
			return PACKET_CUT;
		proto = jumbo->next;
		tcp = jumbo + 1;
	}
	if (proto != IPPROTO_TCP)
		return PACKET_OTHER;
	if (!len && packet->is_large)
		len = parse_left(cursor, tcp);
	packet->ip = ip;
	packet->is_ip6 = true;
	__builtin_memcpy(packet->key.client, packet->is_out ? &ip->daddr : &ip->saddr,
			 sizeof(packet->key.client));
	__builtin_memcpy(packet->key.local, packet->is_out ? &ip->saddr : &ip->daddr,
			 sizeof(packet->key.local));
	return read_tcp(cursor, packet, tcp, len);
}

/* @proto: the ethertype; the cursor stands behind it. */
static __always_inline enum packet_kind read_packet(const struct parse_cursor *cursor, __be16 proto,
						    struct packet *packet)
{
	if (proto == bpf_htons(ETH_P_IP))
		return read_ip4(cursor, packet);
	if (proto == bpf_htons(ETH_P_IPV6))
		return read_ip6(cursor, packet);
	return PACKET_OTHER;
}

/* Whether @address, of a rule, is of the packet's family. */
static __always_inline bool is_family(const struct packet *packet, const __be32 address[4])
{
	bool is_ip4 =
		!(address[0] | address[1] | (address[HANDOFF_MAPPED_WORD] ^ bpf_htonl(0xffff)));

	return is_ip4 != packet->is_ip6;
}

#endif
