/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tunnel that nearly all are, judged in one look: no tag, whole, IP in IP without
 * options or extension headers, to the address that this CPU met last, no congestion, and
 * nothing to be looked up about what is inside. It never says otherwise than judge(), to
 * which all else is left.
 */
#ifndef DECAP_DATA_PLAIN_H
#define DECAP_DATA_PLAIN_H

#include "programs/decap/data/judge.h"

/* Nothing is known yet: judge() has to look. */
#define NOT_PLAIN (-2)

#define IP4_NO_OPTIONS 0x45
#define IP4_PART bpf_htons(0x3fff)

static __always_inline bool is_plain_end(__u64 first, __u64 second)
{
	const struct decap_control *control;
	const struct decap_known *known;
	__u32 zero = 0;

	control = bpf_map_lookup_elem(&decap_control, &zero);
	known = bpf_map_lookup_elem(&decap_known, &zero);
	return control && known && !(control->flags & (DECAP_HAS_SERVED | DECAP_HAS_IDS)) &&
	       is_known(known, control->stamp, first, second);
}

static __always_inline bool is_plain_ip4(const struct iphdr *ip, __u64 room)
{
	return *(const __u8 *)ip == IP4_NO_OPTIONS && bpf_ntohs(ip->tot_len) >= sizeof(*ip) &&
	       bpf_ntohs(ip->tot_len) <= room;
}

static __always_inline bool is_plain_ip6(const struct ipv6hdr *ip, __u64 room)
{
	return ip->version == 6 && sizeof(*ip) + bpf_ntohs(ip->payload_len) <= room;
}

/* The inner packet of @proto at @at, of @room bytes at the most. Of what can be IPv6 extension headers nothing is plain. */
static __always_inline int plain_inner(void *at, const void *end, __u8 proto, __u64 room, int kind4,
				       int kind6)
{
	struct ipv6hdr *ip6 = at;
	struct iphdr *ip4 = at;

	if (proto == IPPROTO_IPIP) {
		if ((void *)(ip4 + 1) > end || !is_plain_ip4(ip4, room) ||
		    ip4->protocol == IPPROTO_IPIP || ip4->protocol == IPPROTO_IPV6)
			return NOT_PLAIN;
		return kind4;
	}
	if (proto != IPPROTO_IPV6 || (void *)(ip6 + 1) > end || !is_plain_ip6(ip6, room) ||
	    (ip6->nexthdr != IPPROTO_TCP && ip6->nexthdr != IPPROTO_UDP))
		return NOT_PLAIN;
	return kind6;
}

static __always_inline int plain_outer4(void *at, const struct parse_cursor *cursor)
{
	struct iphdr *ip = at;
	__u64 second;
	int kind;

	if ((void *)(ip + 1) > cursor->end || !is_plain_ip4(ip, parse_left(cursor, at)) ||
	    ip->frag_off & IP4_PART)
		return NOT_PLAIN;
	if (ip->protocol == IPPROTO_TCP)
		return NOT_A_TUNNEL;
	if ((ip->tos & ECN_MASK) == ECN_CONGESTED)
		return NOT_PLAIN;
	kind = plain_inner(ip + 1, cursor->end, ip->protocol, bpf_ntohs(ip->tot_len) - sizeof(*ip),
			   DECAP_IP4_IN_IP4, DECAP_IP6_IN_IP4);
	if (kind == NOT_PLAIN)
		return NOT_PLAIN;
	second = (__u64)ip->daddr << 32 | bpf_htonl(0xffff);
	return is_plain_end(0, second) ? kind : NOT_PLAIN;
}

static __always_inline int plain_outer6(void *at, const struct parse_cursor *cursor)
{
	struct ipv6hdr *ip = at;
	__u64 *dest = (__u64 *)&ip->daddr;
	int kind;

	if ((void *)(ip + 1) > cursor->end || !is_plain_ip6(ip, parse_left(cursor, at)))
		return NOT_PLAIN;
	if (ip->nexthdr == IPPROTO_TCP)
		return NOT_A_TUNNEL;
	if ((ip6_traffic_class(ip) & ECN_MASK) == ECN_CONGESTED)
		return NOT_PLAIN;
	kind = plain_inner(ip + 1, cursor->end, ip->nexthdr, bpf_ntohs(ip->payload_len),
			   DECAP_IP4_IN_IP6, DECAP_IP6_IN_IP6);
	if (kind == NOT_PLAIN)
		return NOT_PLAIN;
	return is_plain_end(dest[0], dest[1]) ? kind : NOT_PLAIN;
}

/* plain_judge - the kind of tunnel that is to be taken off, NOT_A_TUNNEL or NOT_PLAIN. */
static __always_inline int plain_judge(const struct parse_cursor *cursor)
{
	struct ethhdr *eth = cursor->start;

	if ((void *)(eth + 1) > cursor->end)
		return NOT_PLAIN;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return plain_outer4(eth + 1, cursor);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return plain_outer6(eth + 1, cursor);
	return NOT_PLAIN;
}

static __always_inline bool is_plain_outer6(int kind)
{
	return kind == DECAP_IP6_IN_IP6 || kind == DECAP_IP4_IN_IP6;
}

static __always_inline bool is_plain_inner6(int kind)
{
	return kind == DECAP_IP6_IN_IP6 || kind == DECAP_IP6_IN_IP4;
}

static __always_inline __u32 plain_outer_len(int kind)
{
	return is_plain_outer6(kind) ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

#endif
