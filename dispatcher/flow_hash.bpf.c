/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which flow a packet is of, as a number: by it the root sends a share of the
 * flows to the canary version of a slot. The build takes the instructions of
 * this one function into the library (dispatcher/flow_hash.c), and they become a
 * function of each root that needs them; so there is no map, no read-only data
 * and no call in it.
 *
 * TCP and UDP over IPv4 and IPv6: addresses, protocol and ports. Fragments and
 * other protocols: addresses and protocol, since later fragments have no ports.
 * Anything else, and what contradicts itself: the MAC addresses. The same flow
 * always has the same number; its two directions have two.
 */
#include "bpf/parse.h"

/* An odd number whose bits are spread evenly: 2^64 divided by the golden ratio. */
#define HASH_FACTOR 0x9e3779b97f4a7c15ULL

static __always_inline __u64 hash_word(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * HASH_FACTOR;
	return hash ^ hash >> 32;
}

static __always_inline __u64 hash_words(__u64 hash, const __u32 *words, int count)
{
	for (int i = 0; i < count; i += 2)
		hash = hash_word(hash, (__u64)words[i] << 32 | words[i + 1]);
	return hash;
}

static __always_inline __u64 hash_macs(const struct parse_cursor *cursor)
{
	const __u16 *macs = cursor->start;

	if ((void *)(macs + ETH_ALEN) > cursor->end)
		return 0;
	return hash_word(hash_word(0, (__u64)macs[0] << 32 | (__u32)macs[1] << 16 | macs[2]),
			 (__u64)macs[3] << 32 | (__u32)macs[4] << 16 | macs[5]);
}

static __always_inline __u64 hash_transport(__u64 hash, const struct parse_cursor *cursor,
					    const struct parse_payload *payload)
{
	const struct udphdr *ports = cursor->pos;
	__u64 both = 0;

	if ((payload->proto == IPPROTO_TCP || payload->proto == IPPROTO_UDP) && !is_part(payload) &&
	    (void *)(ports + 1) <= cursor->end)
		both = (__u32)ports->source << 16 | ports->dest;
	return hash_word(hash, both << 8 | payload->proto);
}

/*
 * The lengths that the headers claim are not held against the frame, as
 * parse_ip4() and parse_ip6() would: of a multi-buffer packet only the first
 * part is in sight, and its flow is that of the small packets.
 */
static __always_inline __u64 hash_ip4(struct parse_cursor *cursor)
{
	struct parse_payload payload = {};
	struct iphdr *ip = cursor->pos;
	__u32 header_len;

	if ((void *)(ip + 1) > cursor->end)
		return hash_macs(cursor);
	header_len = ip->ihl * 4;
	if (ip->version != 4 || header_len < sizeof(*ip))
		return hash_macs(cursor);
	payload.proto = ip->protocol;
	payload.fragment = parse_ip4_fragment(bpf_ntohs(ip->frag_off));
	cursor->pos += header_len;
	return hash_transport(hash_words(0, &ip->saddr, 2), cursor, &payload);
}

static __always_inline __u64 hash_ip6(struct parse_cursor *cursor)
{
	struct parse_payload payload = {};
	struct ipv6hdr *ip = cursor->pos;
	__u32 ext_len = 0;

	if ((void *)(ip + 1) > cursor->end || ip->version != 6)
		return hash_macs(cursor);
	payload.len = PARSE_IP6_EXT_BYTES;
	payload.proto = ip->nexthdr;
	for (int i = 0; i < PARSE_IP6_EXT_MAX; i++) {
		if (!is_ip6_ext(payload.proto) || is_part(&payload))
			break;
		if (parse_ip6_ext((void *)(ip + 1) + ext_len, cursor->end, &payload))
			break;
		/* Counted from the header anew, as in parse_ip6(). */
		ext_len = PARSE_IP6_EXT_BYTES - payload.len;
		if (ext_len > PARSE_IP6_EXT_BYTES)
			break;
		/* As there, for Linux 6.1; and once more behind the loop. */
		barrier_var(ext_len);
		ext_len &= PARSE_OFFSET_MASK;
	}
	barrier_var(ext_len);
	cursor->pos = (void *)(ip + 1) + (ext_len & PARSE_OFFSET_MASK);
	return hash_transport(hash_words(0, ip->saddr.in6_u.u6_addr32, 8), cursor, &payload);
}

SEC("xdp")
int flow_hash(struct xdp_md *ctx)
{
	struct parse_cursor cursor = parse_start(ctx);
	__be16 proto;
	__u64 hash;

	if (parse_eth(&cursor, &proto))
		hash = hash_macs(&cursor);
	else if (proto == bpf_htons(ETH_P_IP))
		hash = hash_ip4(&cursor);
	else if (proto == bpf_htons(ETH_P_IPV6))
		hash = hash_ip6(&cursor);
	else
		hash = hash_macs(&cursor);
	return (int)(hash * HASH_FACTOR >> 32);
}
