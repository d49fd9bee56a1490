/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet as rules see it, by copies of its headers: of an skb, whose headers may be in
 * pages, and of what an ICMP error quotes. The rest of the packet that comes in is read in
 * place (key.h), which is faster.
 */
#ifndef FW_DATA_READ_H
#define FW_DATA_READ_H

#include "bpf/parse.h"
#include "programs/firewall/data/key.h"

struct reader {
	void *ctx;
	bool is_skb;
	bool is_large;	/* a segment to be divided, which in BIG TCP has no length */
	bool is_quoted; /* cut short: of the transport header there are 8 bytes at least */
	__u32 at;	/* the header that is read next */
	__u32 end;	/* of the packet, not of what is quoted */
	__u8 hop_limit; /* of IPv6 */
};

/* The transport header up to TCP's flags; of the others the first half. */
struct read_transport {
	__be16 sport, dport; /* of ICMP: type and code, checksum */
	__be32 seq;
	__be32 ack;
	__u8 offset;
	__u8 flags;
	__u16 pad;
};

#define READ_PORTS 8
#define READ_FLAGS 14

static __always_inline int read_bytes(const struct reader *from, __u32 at, void *ret_bytes,
				      __u32 len)
{
	if (from->is_skb)
		return bpf_skb_load_bytes(from->ctx, at, ret_bytes, len);
	return bpf_xdp_load_bytes(from->ctx, at, ret_bytes, len);
}

/* Bytes of payload that a header claims. */
static __always_inline int read_len(const struct reader *from, __u32 total, __u32 header_len,
				    __u32 *ret_len)
{
	__u32 left = from->end - from->at;

	if (!total && from->is_large)
		total = left;
	if (total < header_len || (!from->is_quoted && total > left))
		return PARSE_MALFORMED;
	*ret_len = total - header_len;
	return 0;
}

static __always_inline int read_ip4(struct reader *from, __u64 *key,
				    struct parse_payload *ret_payload)
{
	struct iphdr ip;

	if (read_bytes(from, from->at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
	    read_len(from, bpf_ntohs(ip.tot_len), ip.ihl * 4, &ret_payload->len))
		return PARSE_MALFORMED;
	key[1] = get_address(&ip.saddr);
	ret_payload->proto = ip.protocol;
	ret_payload->fragment = parse_ip4_fragment(bpf_ntohs(ip.frag_off));
	from->at += ip.ihl * 4;
	return 0;
}

static __always_inline int read_ip6(struct reader *from, __u64 *key,
				    struct parse_payload *ret_payload)
{
	__u32 start = from->at + sizeof(struct ipv6hdr), len;
	struct parse_payload payload = {};
	struct parse_ip6_ext ext;
	struct ipv6hdr ip;

	if (read_bytes(from, from->at, &ip, sizeof(ip)) || ip.version != 6)
		return PARSE_MALFORMED;
	from->at = start;
	from->hop_limit = ip.hop_limit;
	if (read_len(from, bpf_ntohs(ip.payload_len), 0, &len))
		return PARSE_MALFORMED;
	for (int i = 0; i < 4; i++)
		key[1 + i] = get_address(&ip.saddr.s6_addr32[2 * i]);
	payload.len = len;
	payload.proto = ip.nexthdr;
	for (int i = 0; i < PARSE_IP6_EXT_MAX; i++) {
		if (!is_ip6_ext(payload.proto) || is_later_part(&payload))
			break;
		if (read_bytes(from, from->at, &ext, sizeof(ext)) ||
		    parse_ip6_ext(&ext, &ext + 1, &payload))
			return PARSE_MALFORMED;
		from->at = start + len - payload.len;
		if (len - payload.len > PARSE_IP6_EXT_BYTES)
			return PARSE_TOO_DEEP;
	}
	*ret_payload = payload;
	return is_ip6_ext(payload.proto) && !is_later_part(&payload) ? PARSE_TOO_DEEP : 0;
}

static __always_inline int read_word(const struct reader *from, const struct parse_payload *payload,
				     __u64 *ret_word)
{
	bool is_tcp = payload->proto == IPPROTO_TCP;
	struct read_transport head = {};

	*ret_word = get_whole_word(payload);
	if (is_later_part(payload))
		return 0;
	if (payload->proto == IPPROTO_ICMP || payload->proto == IPPROTO_ICMPV6) {
		if (payload->len < sizeof(struct key_icmp))
			return 0;
		if (read_bytes(from, from->at, &head, sizeof(struct key_icmp)))
			return PARSE_MALFORMED;
		*ret_word |= get_ports(0, bpf_ntohs(head.sport));
		return 0;
	}
	if (!is_tcp && payload->proto != IPPROTO_UDP)
		return 0;
	if (payload->len < (is_tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr)))
		return PARSE_MALFORMED;
	if (is_tcp && !from->is_quoted) {
		if (read_bytes(from, from->at, &head, READ_FLAGS))
			return PARSE_MALFORMED;
	} else if (read_bytes(from, from->at, &head, READ_PORTS)) {
		return PARSE_MALFORMED;
	}
	*ret_word |= get_ports(bpf_ntohs(head.sport), bpf_ntohs(head.dport)) |
		     (__u64)head.flags << FW_FLAGS_SHIFT;
	return 0;
}

/* As get_first_word(). */
static __always_inline int read_first_word(const struct reader *from,
					   const struct parse_payload *payload, __u64 *ret_word)
{
	int err = read_word(from, payload, ret_word);

	*ret_word = verifier_forget_word(*ret_word);
	return err;
}

#endif
