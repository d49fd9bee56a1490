/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packet headers, read from the outside in with a cursor.
 *
 * Every function takes the cursor at the header it reads and returns 0 with the
 * cursor behind it, or a negative enum parse_error, after which neither the
 * cursor nor what it was to return means anything. Nothing here changes the
 * packet.
 */
#ifndef SLOT_BPF_PARSE_H
#define SLOT_BPF_PARSE_H

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* 802.1Q or 802.1ad tags that parse_eth() looks behind. */
#define PARSE_VLAN_MAX 2
/* IPv6 extension headers that parse_ip6() looks behind; real senders use one or two. */
#define PARSE_IP6_EXT_MAX 6
/* Bytes of all of them together. */
#define PARSE_IP6_EXT_BYTES 1024
/* No header that is read begins further in than this. */
#define PARSE_OFFSET_MASK 0x7ff

enum parse_error {
	PARSE_MALFORMED = -1, /* cut short, or the header contradicts itself or the frame */
	PARSE_TOO_DEEP = -2,  /* more headers in a row than the bounds above */
};

struct parse_cursor {
	void *start;
	void *pos;
	void *end;
	__u32 rest; /* bytes of the frame behind @end, out of reach: an skb's pages */
};

struct parse_vlan {
	__be16 tci;
	__be16 proto;
};

/* What follows an IP header. */
struct parse_payload {
	__u32 len;	/* bytes that the IP header claims, all of them in the frame */
	__u16 fragment; /* as in IPv6's fragment header: offset in bytes, bit 0: more follow */
	__u8 proto;	/* IPPROTO_*, behind the extension headers */
	__u8 extra;	/* not 0: IPv4 options, or extension headers but destination options */
};

static __always_inline struct parse_cursor parse_start(const struct xdp_md *ctx)
{
	return (struct parse_cursor){
		.start = (void *)(long)ctx->data,
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
}

/*
 * parse_join - make the ways that lead here one for the verifier.
 *
 * It would otherwise walk all that follows once for every number of VLAN tags,
 * extension headers and so on. As an unknown, bounded number the place looks the
 * same, whichever way was taken.
 */
static __always_inline void parse_join(struct parse_cursor *cursor)
{
	void *pos = cursor->pos;
	__u64 offset;

	/* Else clang counts itself, and its numbers the verifier knows. */
	barrier_var(pos);
	offset = pos - cursor->start;
	cursor->pos = cursor->start + (offset & PARSE_OFFSET_MASK);
}

/* parse_left - bytes of the frame from @pos on, at hand or not. */
static __always_inline __u64 parse_left(const struct parse_cursor *cursor, const void *pos)
{
	__u64 left = cursor->end - pos;

	/* clang else adds to the end first, which the verifier prohibits. */
	barrier_var(left);
	return left + cursor->rest;
}

static __always_inline bool is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* is_part - whether the packet is a part of a fragmented one, the first included. */
static __always_inline bool is_part(const struct parse_payload *payload)
{
	return payload->fragment & 0xfff9;
}

/* is_later_part - a part other than the first: there is no transport header in it. */
static __always_inline bool is_later_part(const struct parse_payload *payload)
{
	return payload->fragment & 0xfff8;
}

/* parse_eth - the Ethernet header and its VLAN tags; @ret_proto is the ethertype behind them. */
static __always_inline int parse_eth(struct parse_cursor *cursor, __be16 *ret_proto)
{
	struct ethhdr *eth = cursor->pos;

	if ((void *)(eth + 1) > cursor->end)
		return PARSE_MALFORMED;
	cursor->pos = eth + 1;
	*ret_proto = eth->h_proto;

	for (int i = 0; i < PARSE_VLAN_MAX && is_vlan(*ret_proto); i++) {
		struct parse_vlan *tag = cursor->pos;

		if ((void *)(tag + 1) > cursor->end)
			return PARSE_MALFORMED;
		cursor->pos = tag + 1;
		*ret_proto = tag->proto;
	}
	parse_join(cursor);
	return is_vlan(*ret_proto) ? PARSE_TOO_DEEP : 0;
}

/* IPv4 keeps the flags in front of the offset, which counts 8 bytes. */
static __always_inline __u16 parse_ip4_fragment(__u16 frag_off)
{
	return frag_off << 3 | (frag_off >> 13 & 1);
}

/* parse_ip4 - an IPv4 header and its options. The header checksum is left to the stack. */
static __always_inline int parse_ip4(struct parse_cursor *cursor, struct iphdr **ret_ip,
				     struct parse_payload *ret_payload)
{
	struct iphdr *ip = cursor->pos;
	__u32 header_len, total_len;

	if ((void *)(ip + 1) > cursor->end)
		return PARSE_MALFORMED;
	header_len = ip->ihl * 4;
	total_len = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header_len < sizeof(*ip) || total_len < header_len)
		return PARSE_MALFORMED;
	if (total_len > parse_left(cursor, cursor->pos))
		return PARSE_MALFORMED;

	cursor->pos += header_len;
	*ret_ip = ip;
	ret_payload->len = total_len - header_len;
	ret_payload->proto = ip->protocol;
	ret_payload->fragment = parse_ip4_fragment(bpf_ntohs(ip->frag_off));
	ret_payload->extra = header_len - sizeof(*ip);
	return 0;
}

/* The first bytes of every extension header that parse_ip6() looks behind. */
struct parse_ip6_ext {
	__u8 next;
	__u8 len;
	__be16 fragment; /* in a fragment header */
	__be32 rest;
};

/*
 * 1 where @proto is @other, else 0. Clang would make a branch of a comparison, and where it
 * sees a mask, Linux 6.18 one of that.
 */
static __always_inline __u64 parse_is(__u8 proto, __u8 other)
{
	__u64 differ = (__u64)(proto ^ other) - 1;

	barrier_var(differ);
	differ >>= 63;
	barrier_var(differ);
	return differ;
}

/* Extension headers with numbers below 64. */
#define PARSE_IP6_EXTS                                                                             \
	(1ULL << IPPROTO_HOPOPTS | 1ULL << IPPROTO_ROUTING | 1ULL << IPPROTO_FRAGMENT |            \
	 1ULL << IPPROTO_AH | 1ULL << IPPROTO_DSTOPTS)

static __always_inline bool is_ip6_ext(__u8 proto)
{
	__u64 low = (__u64)proto - 64;

	barrier_var(low);
	return (PARSE_IP6_EXTS >> (proto & 63) & low >> 63) | parse_is(proto, IPPROTO_MH);
}

/*
 * parse_ip6_ext - the extension header at @ext; changes @payload to what follows it. Without
 * branches, of which each doubles what the verifier has to walk.
 */
static __always_inline int parse_ip6_ext(const struct parse_ip6_ext *ext, const void *end,
					 struct parse_payload *payload)
{
	__u64 is_fragment = parse_is(payload->proto, IPPROTO_FRAGMENT);
	__u64 is_auth = parse_is(payload->proto, IPPROTO_AH);
	__u32 len;

	if ((void *)(ext + 1) > end)
		return PARSE_MALFORMED;
	/* In units of 8 bytes, of 4 for an authentication header; a fragment's has no length. */
	len = ((ext->len & (is_fragment - 1)) + 1 + is_auth) << (3 - is_auth);
	if (len > payload->len)
		return PARSE_MALFORMED;

	payload->fragment ^= (payload->fragment ^ bpf_ntohs(ext->fragment)) * is_fragment;
	payload->extra |= payload->proto ^ IPPROTO_DSTOPTS;
	payload->proto = ext->next;
	payload->len -= len;
	return 0;
}

/*
 * parse_ip6 - an IPv6 header and its extension headers, up to the transport
 * header or the first byte of a later part. A jumbogram (RFC 2675) counts as
 * malformed: no frame that XDP sees can hold one.
 */
static __always_inline int parse_ip6(struct parse_cursor *cursor, struct ipv6hdr **ret_ip,
				     struct parse_payload *ret_payload)
{
	struct parse_payload payload = {};
	struct ipv6hdr *ip = cursor->pos;
	__u32 ext_len = 0;

	if ((void *)(ip + 1) > cursor->end)
		return PARSE_MALFORMED;
	payload.len = bpf_ntohs(ip->payload_len);
	payload.proto = ip->nexthdr;
	if (ip->version != 6 || payload.len > parse_left(cursor, ip + 1))
		return PARSE_MALFORMED;

	for (int i = 0; i < PARSE_IP6_EXT_MAX; i++) {
		if (!is_ip6_ext(payload.proto) || is_later_part(&payload))
			break;
		if (parse_ip6_ext((void *)(ip + 1) + ext_len, cursor->end, &payload))
			return PARSE_MALFORMED;
		/*
		 * The length is bounded, and the place counted from the header
		 * anew, so that to the verifier one round looks like another.
		 */
		ext_len = bpf_ntohs(ip->payload_len) - payload.len;
		if (ext_len > PARSE_IP6_EXT_BYTES)
			return PARSE_TOO_DEEP;
		/* Linux 6.1 knows nothing of the bound where clang 16 has put it on the stack. */
		barrier_var(ext_len);
		ext_len &= PARSE_OFFSET_MASK;
	}
	if (is_ip6_ext(payload.proto) && !is_later_part(&payload))
		return PARSE_TOO_DEEP;

	cursor->pos = (void *)(ip + 1) + ext_len;
	*ret_ip = ip;
	*ret_payload = payload;
	return 0;
}

/* parse_ip6_header - the IPv6 header alone; the cursor stays. */
static __always_inline int parse_ip6_header(const struct parse_cursor *cursor,
					    struct parse_payload *ret_payload)
{
	struct ipv6hdr *ip = cursor->pos;
	__u32 len;

	if ((void *)(ip + 1) > cursor->end)
		return PARSE_MALFORMED;
	len = bpf_ntohs(ip->payload_len);
	if (ip->version != 6 || len > parse_left(cursor, ip + 1))
		return PARSE_MALFORMED;
	*ret_payload = (struct parse_payload){ .len = len, .proto = ip->nexthdr };
	return 0;
}

/* A payload in one word; or a negative enum parse_error: no payload is that long. */
union parse_word {
	struct parse_payload payload;
	__s64 word;
};

_Static_assert(sizeof(union parse_word) == sizeof(__s64), "a payload is a word");

static __always_inline bool is_parse_error(const union parse_word *word)
{
	return word->payload.len > 0xffff;
}

/*
 * parse_ip6_at - as parse_ip6(), of the header @at bytes behind @cursor's start: a parse_word,
 * which a global function can return, so that the verifier walks the rounds once and not for
 * each way that leads there. For packets that have extension headers: it takes a call.
 */
static __always_inline __s64 parse_ip6_at(struct parse_cursor cursor, __u32 at)
{
	union parse_word ret = {};
	struct ipv6hdr *ip;
	int err;

	cursor.pos = cursor.start + (at & PARSE_OFFSET_MASK);
	err = parse_ip6(&cursor, &ip, &ret.payload);
	return err ?: ret.word;
}

/*
 * parse_port - the destination port, in host byte order, of a TCP or UDP
 * header that is whole within the IP payload: bytes of padding are no ports.
 * The cursor stays.
 */
static __always_inline int parse_port(const struct parse_cursor *cursor,
				      const struct parse_payload *payload, __u16 *ret_port)
{
	__u32 need = payload->proto == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	struct udphdr *ports = cursor->pos;

	if (payload->len < need || (void *)(ports + 1) > cursor->end)
		return PARSE_MALFORMED;
	*ret_port = bpf_ntohs(ports->dest);
	return 0;
}

#endif
