/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet as rules see it: the key of fw_abi.h. */
#ifndef FW_DATA_KEY_H
#define FW_DATA_KEY_H

#include <stdbool.h>

#include "bpf/parse.h"
#include "bpf/verifier.h"
#include "programs/firewall/fw_abi.h"

/* Words of a key, which are found by a number that the verifier does not know. */
#define KEY_ROOM 8

struct fw_key {
	__u64 words[KEY_ROOM];
	__u32 is_ip6;
	__u32 pad;
};

struct key_icmp {
	__u8 type;
	__u8 code;
	__be16 sum;
};

static __always_inline __u64 get_ports(__u16 sport, __u16 dport)
{
	return (__u64)dport << FW_DPORT_SHIFT | (__u64)sport << FW_SPORT_SHIFT |
	       1ULL << FW_PORTS_SHIFT;
}

static __always_inline __u64 get_icmp(const struct parse_cursor *cursor,
				      const struct parse_payload *payload)
{
	struct key_icmp *icmp = cursor->pos;

	if (payload->len < sizeof(*icmp) || (void *)(icmp + 1) > cursor->end)
		return 0;
	return get_ports(0, icmp->type << 8 | icmp->code);
}

static __always_inline __u64 get_udp(const struct parse_cursor *cursor)
{
	struct udphdr *udp = cursor->pos;

	if ((void *)(udp + 1) > cursor->end)
		return 0;
	return get_ports(bpf_ntohs(udp->source), bpf_ntohs(udp->dest));
}

/* The TCP header's byte of flags. */
#define KEY_TCP_FLAGS 13

static __always_inline __u64 get_tcp(const struct parse_cursor *cursor)
{
	struct tcphdr *tcp = cursor->pos;

	if ((void *)(tcp + 1) > cursor->end)
		return 0;
	return get_ports(bpf_ntohs(tcp->source), bpf_ntohs(tcp->dest)) |
	       (__u64)((__u8 *)tcp)[KEY_TCP_FLAGS] << FW_FLAGS_SHIFT;
}

/* What the IP header and those behind it say of the first word. */
static __always_inline __u64 get_whole_word(const struct parse_payload *payload)
{
	return (__u64)payload->proto << FW_PROTO_SHIFT | (__u64)is_part(payload) << FW_PART_SHIFT |
	       (__u64)(is_later_part(payload) != 0) << FW_LATER_SHIFT;
}

/* The first word of the key but for the interface. A header that is cut short has been refused. */
static __always_inline __u64 get_first_word(const struct parse_cursor *cursor,
					    const struct parse_payload *payload)
{
	__u64 word = get_whole_word(payload);

	if (is_later_part(payload))
		return word;
	if (payload->proto == IPPROTO_TCP)
		return word | get_tcp(cursor);
	if (payload->proto == IPPROTO_UDP)
		return word | get_udp(cursor);
	if (payload->proto == IPPROTO_ICMP || payload->proto == IPPROTO_ICMPV6)
		return word | get_icmp(cursor, payload);
	return word;
}

/* Where in a packet the key is. */
struct key_place {
	__u32 len;   /* of the packet, in bytes */
	__u16 ip_at; /* the IP header */
	__u16 at;    /* what follows it and its extension headers */
	struct parse_payload payload;
	__u8 hop_limit; /* of IPv6 */
	bool is_ip6;
	__u16 pad;
};

/*
 * By what is left from there on: what was known of the packet's start, one thing for each
 * number of VLAN tags, is forgotten by then.
 */
static __always_inline __u16 get_place(const struct key_place *place,
				       const struct parse_cursor *cursor, const void *pos)
{
	__u64 left = cursor->end - pos;

	barrier_var(left);
	return place->len - left;
}

/* Of the headers that @cursor has come through the last IP header is @ip. */
static __always_inline void set_place(struct key_place *place, const struct parse_cursor *cursor,
				      const void *ip, const struct parse_payload *payload)
{
	place->ip_at = get_place(place, cursor, ip);
	place->at = get_place(place, cursor, cursor->pos);
	place->payload = *payload;
}

/* The number that the ruleset has for the interface, where it asks for any. */
static __always_inline __u64 get_interface(const struct fw_head *head, __u32 ifindex)
{
	for (__u32 i = 0; i < FW_INTERFACES_MAX && i < head->interface_count; i++)
		if (head->interfaces[i] == ifindex)
			return (__u64)(i + 1) << FW_IFACE_SHIFT;
	return 0;
}

static __always_inline __u64 get_address(const void *bytes)
{
	const __be32 *words = bytes;

	return (__u64)bpf_ntohl(words[0]) << 32 | bpf_ntohl(words[1]);
}

/* The key at @place but for the interface; what is there has been read before. */
static __always_inline int read_key(struct parse_cursor *cursor, const struct key_place *place,
				    __u64 *ret_words)
{
	const struct ipv6hdr *ip6 = cursor->start + (place->ip_at & PARSE_OFFSET_MASK);
	const struct iphdr *ip = (const void *)ip6;

	if ((const void *)(ip + 1) > cursor->end)
		return PARSE_MALFORMED;
	cursor->pos = cursor->start + (place->at & PARSE_OFFSET_MASK);
	ret_words[0] = verifier_forget_word(get_first_word(cursor, &place->payload));
	if (!place->is_ip6) {
		ret_words[1] = get_address(&ip->saddr);
		return 0;
	}
	if ((const void *)(ip6 + 1) > cursor->end)
		return PARSE_MALFORMED;
	for (int i = 0; i < 4; i++)
		ret_words[1 + i] = get_address((const __be64 *)&ip6->saddr + i);
	return 0;
}

#endif
