/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a packet is a tunnel that ends here, and can be taken apart. Of frames in XDP
 * and in TC alike; nothing here changes the packet.
 */
#ifndef DECAP_DATA_JUDGE_H
#define DECAP_DATA_JUDGE_H

#include "bpf/gue.h"
#include "bpf/parse.h"
#include "bpf/verifier.h"
#include "programs/decap/data/maps.h"

/* The two ECN bits of the traffic class (RFC 3168). */
#define ECN_MASK 3
#define ECN_CONGESTED 3

/* Not a tunnel packet: passes, and no counter knows of it. */
#define NOT_A_TUNNEL (-1)

const volatile struct decap_config decap_config = { .tcp_option_magic = TCP_ID_MAGIC };

enum tunnel_flag {
	TUNNEL_IP6 = 1 << 0, /* the outer header is IPv6's */
	TUNNEL_GUE = 1 << 1,
	TUNNEL_INNER_IP6 = 1 << 2,
	TUNNEL_CONGESTED = 1 << 3, /* the inner header is to say so */
	TUNNEL_CUT = 1 << 4,	   /* what UDP's port is was out of reach */
	TUNNEL_SUM = 1 << 5,	   /* GUE's UDP has a checksum */
	TUNNEL_FLAGS = (1 << 6) - 1,
};

/* What the outer headers said, and what is to be done. */
struct tunnel {
	struct decap_control control;
	struct parse_payload payload; /* of the outer IP header; of GUE, what is behind that */
	union {
		__u32 dest[4]; /* as in decap_addrs */
		__u64 dest_words[2];
	};
	__u32 link_len;	 /* bytes of the Ethernet header and its tags */
	__u32 outer_len; /* bytes of what is to be taken off, behind them */
	__u32 tcp_at;	 /* where inner TCP begins whose id is to be compared, or 0 */
	__u32 outer_ecn;
	__u32 flags; /* enum tunnel_flag */
};

static __always_inline bool is_ip_in_ip(const struct parse_payload *payload)
{
	return payload->proto == IPPROTO_IPIP || payload->proto == IPPROTO_IPV6;
}

static __always_inline __u8 ip6_traffic_class(const struct ipv6hdr *ip)
{
	return ip->priority << 4 | ip->flow_lbl[0] >> 4;
}

static __always_inline int read_outer4(struct parse_cursor *cursor, struct tunnel *tunnel)
{
	struct iphdr *ip;

	if (parse_ip4(cursor, &ip, &tunnel->payload))
		return DECAP_BAD_OUTER;
	tunnel->outer_ecn = ip->tos & ECN_MASK;
	tunnel->dest[2] = bpf_htonl(0xffff);
	tunnel->dest[3] = ip->daddr;
	return 0;
}

/*
 * What XDP and TC do each in its way: parse_ip6_at() in the frame of @ctx, and where that
 * starts, read anew: of such a pointer the verifier does not know how many bytes follow it.
 */
struct frame {
	void *ctx;
	__s64 (*read_ip6_at)(void *ctx, __u32 at);
	void *(*read_start)(void *ctx);
};

/* As parse_ip6(). Rare are extension headers, and all there are take a call. */
static __always_inline int read_ip6(const struct frame *frame, struct parse_cursor *cursor,
				    struct ipv6hdr **ret_ip, struct parse_payload *ret_payload)
{
	struct ipv6hdr *ip = cursor->pos;
	union parse_word read = {};

	if (parse_ip6_header(cursor, &read.payload))
		return PARSE_MALFORMED;
	if (is_ip6_ext(read.payload.proto))
		read.word = frame->read_ip6_at(frame->ctx, cursor->pos - cursor->start);
	if (is_parse_error(&read))
		return PARSE_MALFORMED;
	cursor->pos = (void *)(ip + 1) +
		      ((bpf_ntohs(ip->payload_len) - read.payload.len) & PARSE_OFFSET_MASK);
	*ret_ip = ip;
	*ret_payload = read.payload;
	return 0;
}

static __always_inline int read_outer6(const struct frame *frame, struct parse_cursor *cursor,
				       struct tunnel *tunnel)
{
	struct ipv6hdr *ip;

	if (read_ip6(frame, cursor, &ip, &tunnel->payload))
		return DECAP_BAD_OUTER;
	tunnel->flags |= TUNNEL_IP6;
	tunnel->outer_ecn = ip6_traffic_class(ip) & ECN_MASK;
	__builtin_memcpy(tunnel->dest, &ip->daddr, sizeof(tunnel->dest));
	return 0;
}

/* As parse_join(): what was found out so far is any of what it may be. */
static __always_inline void join(struct parse_cursor *cursor, struct tunnel *tunnel)
{
	parse_join(cursor);
	tunnel->flags = verifier_mix(tunnel->flags, verifier_zero(cursor->start, cursor->end));
}

/* Whether UDP goes to the port of GUE. The cursor stays. */
static __always_inline bool is_gue(const struct parse_cursor *cursor, struct tunnel *tunnel)
{
	const struct udphdr *udp = cursor->pos;

	if (tunnel->payload.proto != IPPROTO_UDP || !tunnel->control.gue_port ||
	    is_later_part(&tunnel->payload) || tunnel->payload.len < sizeof(*udp))
		return false;
	if ((void *)(udp + 1) > cursor->end) {
		tunnel->flags |= TUNNEL_CUT;
		return false;
	}
	return udp->dest == tunnel->control.gue_port;
}

static __always_inline bool is_in(void *prefixes, const __u32 dest[4], bool is_ip6)
{
	struct slot_prefix key = { .len = SLOT_PREFIX_FAMILY_BITS + 32, .family = 4 };
	const __u32 *value;

	if (is_ip6) {
		key.len = SLOT_PREFIX_FAMILY_BITS + 128;
		key.family = 6;
		__builtin_memcpy(key.addr, dest, sizeof(key.addr));
	} else {
		__builtin_memcpy(key.addr, &dest[3], sizeof(dest[3]));
	}
	value = bpf_map_lookup_elem(prefixes, &key);
	/* Never 0; clang else makes one number of two pointers. */
	return value && *value;
}

static __always_inline bool is_known(const struct decap_known *known, __u32 stamp, __u64 first,
				     __u64 second)
{
	return known->stamp == stamp + 1 && known->dest[1] == second && known->dest[0] == first;
}

static __always_inline bool ends_here(const struct tunnel *tunnel)
{
	struct decap_known *known;
	__u32 zero = 0;

	known = bpf_map_lookup_elem(&decap_known, &zero);
	if (!known)
		return false;
	if (is_known(known, tunnel->control.stamp, tunnel->dest_words[0], tunnel->dest_words[1]))
		return true;
	if (!bpf_map_lookup_elem(&decap_addrs, tunnel->dest) &&
	    !is_in(&decap_prefixes, tunnel->dest, tunnel->flags & TUNNEL_IP6))
		return false;
	/* While the addresses change this one may be gone already. */
	if (tunnel->control.stamp & 1)
		return true;
	known->dest[0] = tunnel->dest_words[0];
	known->dest[1] = tunnel->dest_words[1];
	known->stamp = tunnel->control.stamp + 1;
	return true;
}

/* Whether the outer packet is a tunnel that ends here and can be taken off; 0 if so. */
static __always_inline int judge_outer(const struct parse_cursor *cursor, struct tunnel *tunnel)
{
	const struct decap_control *control;
	__u32 zero = 0;

	if (decap_config.drop_fragments && is_part(&tunnel->payload))
		return DECAP_PART;
	if (!is_ip_in_ip(&tunnel->payload) && tunnel->payload.proto != IPPROTO_UDP)
		return NOT_A_TUNNEL;
	control = bpf_map_lookup_elem(&decap_control, &zero);
	if (control)
		tunnel->control = *control;
	if (is_gue(cursor, tunnel))
		tunnel->flags |= TUNNEL_GUE;
	else if (!is_ip_in_ip(&tunnel->payload))
		return NOT_A_TUNNEL;
	if (!ends_here(tunnel))
		return DECAP_NOT_LOCAL;
	if (is_part(&tunnel->payload))
		return DECAP_FRAGMENT;
	if (tunnel->payload.extra)
		return DECAP_OPTIONS;
	return 0;
}

/* The headers of UDP and GUE; the payload is then what is behind them. */
static __always_inline int read_gue(struct parse_cursor *cursor, struct tunnel *tunnel)
{
	const struct udphdr *udp = cursor->pos;
	__u32 udp_len;
	__u8 proto = 0;
	int len;

	if ((void *)(udp + 1) > cursor->end)
		return DECAP_BAD_GUE;
	udp_len = bpf_ntohs(udp->len);
	if (udp_len > tunnel->payload.len)
		return DECAP_BAD_GUE;
	len = gue_header_len((void *)(udp + 1), cursor->end, &proto);
	if (len < 0)
		return len == GUE_CONTROL ? DECAP_GUE_CONTROL : DECAP_BAD_GUE;
	if (udp_len < sizeof(*udp) + len)
		return DECAP_BAD_GUE;
	if (udp->check)
		tunnel->flags |= TUNNEL_SUM;
	tunnel->payload.len = udp_len - sizeof(*udp) - len;
	tunnel->payload.proto = proto;
	cursor->pos += sizeof(*udp) + len;
	return 0;
}

/* The inner header is good: is what it carries for us, and where is its TCP header. */
static __always_inline int judge_payload(const struct parse_cursor *cursor,
					 const struct parse_payload *payload, bool can_carry,
					 struct tunnel *tunnel)
{
	if (is_ip_in_ip(payload))
		return DECAP_NESTED;
	if (tunnel->outer_ecn == ECN_CONGESTED && !can_carry)
		return DECAP_CONGESTED;
	if (tunnel->outer_ecn == ECN_CONGESTED)
		tunnel->flags |= TUNNEL_CONGESTED;
	if (tunnel->control.flags & DECAP_HAS_IDS && payload->proto == IPPROTO_TCP &&
	    !is_part(payload))
		tunnel->tcp_at = cursor->pos - cursor->start;
	return 0;
}

/* The cursor is passed by value: it stays at the inner header. */
static __always_inline int judge_inner4(struct parse_cursor cursor, struct tunnel *tunnel)
{
	struct parse_payload payload;
	struct iphdr *ip;

	if (parse_ip4(&cursor, &ip, &payload) || bpf_ntohs(ip->tot_len) > tunnel->payload.len)
		return DECAP_BAD_INNER;
	if (tunnel->control.flags & DECAP_HAS_SERVED) {
		__u32 dest[4] = { [3] = ip->daddr };

		if (!is_in(&decap_served, dest, false))
			return DECAP_NOT_SERVED;
	}
	return judge_payload(&cursor, &payload, ip->tos & ECN_MASK, tunnel);
}

static __always_inline int judge_inner6(const struct frame *frame, struct parse_cursor cursor,
					struct tunnel *tunnel)
{
	struct parse_payload payload;
	struct ipv6hdr *ip;

	if (read_ip6(frame, &cursor, &ip, &payload) ||
	    sizeof(*ip) + bpf_ntohs(ip->payload_len) > tunnel->payload.len)
		return DECAP_BAD_INNER;
	tunnel->flags |= TUNNEL_INNER_IP6;
	if (tunnel->control.flags & DECAP_HAS_SERVED &&
	    !is_in(&decap_served, ip->daddr.in6_u.u6_addr32, true))
		return DECAP_NOT_SERVED;
	return judge_payload(&cursor, &payload, ip6_traffic_class(ip) & ECN_MASK, tunnel);
}

static __always_inline int judge_inner(const struct frame *frame, struct parse_cursor *cursor,
				       struct tunnel *tunnel)
{
	int ret = tunnel->flags & TUNNEL_GUE ? read_gue(cursor, tunnel) : 0;

	if (ret)
		return ret;
	join(cursor, tunnel);
	tunnel->payload.proto =
		verifier_mix(tunnel->payload.proto, verifier_zero(cursor->start, cursor->end));
	tunnel->outer_len = cursor->pos - cursor->start - tunnel->link_len;
	if (tunnel->payload.proto == IPPROTO_IPV6)
		return judge_inner6(frame, *cursor, tunnel);
	return judge_inner4(*cursor, tunnel);
}

_Static_assert(DECAP_IP4_IN_IP4 == 0, "kinds of GUE are added to those of IP in IP");
_Static_assert(DECAP_GUE4_IN_IP4 + DECAP_IP6_IN_IP6 == DECAP_GUE6_IN_IP6, "kinds of GUE");
_Static_assert(DECAP_GUE4_IN_IP4 + DECAP_IP4_IN_IP6 == DECAP_GUE4_IN_IP6, "kinds of GUE");
_Static_assert(DECAP_GUE4_IN_IP4 + DECAP_IP6_IN_IP4 == DECAP_GUE6_IN_IP4, "kinds of GUE");

static __always_inline int kind_of(__u32 flags)
{
	int kind = flags & TUNNEL_GUE ? DECAP_GUE4_IN_IP4 : DECAP_IP4_IN_IP4;

	if (!(flags & TUNNEL_IP6))
		return kind + (flags & TUNNEL_INNER_IP6 ? DECAP_IP6_IN_IP4 : DECAP_IP4_IN_IP4);
	return kind + (flags & TUNNEL_INNER_IP6 ? DECAP_IP6_IN_IP6 : DECAP_IP4_IN_IP6);
}

/* What strict drops is what it would leave of tunnels that end here, but GUE's control. */
static __always_inline int judge_strictly(const struct tunnel *tunnel, int reason)
{
	if (tunnel->control.flags & DECAP_STRICT && reason >= DECAP_BAD_INNER &&
	    reason <= DECAP_BAD_GUE)
		return reason + DECAP_TO_STRICT;
	return reason;
}

/* What was read and judged, from the Ethernet header on; 0 if the tunnel can be taken off. */
static __always_inline int judge_frame(const struct frame *frame, struct parse_cursor *cursor,
				       struct tunnel *tunnel)
{
	__be16 proto;
	int ret;

	if (parse_eth(cursor, &proto))
		return NOT_A_TUNNEL;
	tunnel->link_len = cursor->pos - cursor->start;
	cursor->start = frame->read_start(frame->ctx);
	if (proto == bpf_htons(ETH_P_IP))
		ret = read_outer4(cursor, tunnel);
	else if (proto == bpf_htons(ETH_P_IPV6))
		ret = read_outer6(frame, cursor, tunnel);
	else
		return NOT_A_TUNNEL;
	if (ret)
		return ret;
	join(cursor, tunnel);
	return judge_outer(cursor, tunnel) ?: judge_inner(frame, cursor, tunnel);
}

/*
 * judge - the counter of the kind of tunnel (below DECAP_FIRST_LEFT) that is to be taken
 * off, or of the reason not to, or NOT_A_TUNNEL. @tunnel is zeroed before.
 */
static __always_inline int judge(const struct frame *frame, struct parse_cursor *cursor,
				 struct tunnel *tunnel)
{
	__u64 zero = verifier_zero(cursor->start, cursor->end);
	int ret = judge_frame(frame, cursor, tunnel);

	if (ret == NOT_A_TUNNEL)
		return ret;
	if (ret) {
		ret = judge_strictly(tunnel, verifier_mix(ret, zero));
		/* So much the verifier is to know. */
		return ret < DECAP_FIRST_LEFT ? NOT_A_TUNNEL : ret;
	}
	tunnel->flags = verifier_mix(tunnel->flags, zero);
	return kind_of(tunnel->flags);
}

#endif
