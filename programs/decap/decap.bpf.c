/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decap: takes packets out of IPv4 and IPv6 tunnels that end on this host.
 *
 * Only one level, only to configured addresses, only whole packets. The
 * Ethernet header and its VLAN tags stay; the chain goes on with the inner
 * packet. What it does not take out passes as it came.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/csum.h"
#include "bpf/decap.h"
#include "bpf/manifest.h"
#include "bpf/parse.h"
#include "programs/decap/decap_abi.h"

SLOT_NAME("decap");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("xdp");
SLOT_MAP_ABI(1);

/* The two ECN bits of the traffic class (RFC 3168). */
#define ECN_MASK 3
#define ECN_CONGESTED 3

/* Not a tunnel packet: passes, and no counter knows of it. */
#define NOT_A_TUNNEL (-1)

const volatile struct decap_config decap_config = {};

/* Written by the control plane, read here, for tunnel packets only. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DECAP_ADDRESSES_MAX);
	__type(key, struct decap_address);
	__type(value, __u32);
} decap_addrs SEC(".maps");

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DECAP_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} decap_counts SEC(".maps");

/* What the outer header said. */
struct outer {
	struct decap_address dest;
	struct parse_payload payload;
	bool is_ip6;
	__u8 ecn;
};

static __always_inline bool is_tunnel(const struct parse_payload *payload)
{
	return payload->proto == IPPROTO_IPIP || payload->proto == IPPROTO_IPV6;
}

static __always_inline __u8 ip6_traffic_class(const struct ipv6hdr *ip)
{
	return ip->priority << 4 | ip->flow_lbl[0] >> 4;
}

static __always_inline int read_outer4(struct parse_cursor *cursor, struct outer *outer)
{
	struct iphdr *ip;

	if (parse_ip4(cursor, &ip, &outer->payload))
		return DECAP_BAD_OUTER;
	outer->ecn = ip->tos & ECN_MASK;
	outer->dest.addr[10] = 0xff;
	outer->dest.addr[11] = 0xff;
	__builtin_memcpy(outer->dest.addr + 12, &ip->daddr, sizeof(ip->daddr));
	return 0;
}

static __always_inline int read_outer6(struct parse_cursor *cursor, struct outer *outer)
{
	struct ipv6hdr *ip;

	if (parse_ip6(cursor, &ip, &outer->payload))
		return DECAP_BAD_OUTER;
	outer->is_ip6 = true;
	outer->ecn = ip6_traffic_class(ip) & ECN_MASK;
	__builtin_memcpy(outer->dest.addr, &ip->daddr, sizeof(ip->daddr));
	return 0;
}

/* Whether the outer packet is a tunnel that ends here and can be taken off; 0 if so. */
static __always_inline int judge_outer(const struct outer *outer)
{
	if (decap_config.drop_fragments && is_part(&outer->payload))
		return DECAP_PART;
	if (!is_tunnel(&outer->payload))
		return NOT_A_TUNNEL;
	if (!bpf_map_lookup_elem(&decap_addrs, &outer->dest))
		return DECAP_NOT_LOCAL;
	if (is_part(&outer->payload))
		return DECAP_FRAGMENT;
	if (outer->payload.extra)
		return DECAP_OPTIONS;
	return 0;
}

/* Hands the outer congestion mark on to @ip; DECAP_CONGESTED if that cannot carry it. */
static __always_inline int mark_inner4(struct iphdr *ip)
{
	__be16 *word = (__be16 *)ip, before = *word;

	if (!(ip->tos & ECN_MASK))
		return DECAP_CONGESTED;
	ip->tos |= ECN_CONGESTED;
	ip->check = csum_replace(ip->check, before, *word);
	return 0;
}

static __always_inline int mark_inner6(struct ipv6hdr *ip)
{
	if (!(ip6_traffic_class(ip) & ECN_MASK))
		return DECAP_CONGESTED;
	ip->flow_lbl[0] |= ECN_CONGESTED << 4;
	return 0;
}

/* The cursor is passed by value: it stays at the inner header. */
static __always_inline int judge_inner4(struct parse_cursor cursor, const struct outer *outer)
{
	struct parse_payload payload;
	struct iphdr *ip;

	if (parse_ip4(&cursor, &ip, &payload) || bpf_ntohs(ip->tot_len) > outer->payload.len)
		return DECAP_BAD_INNER;
	if (is_tunnel(&payload))
		return DECAP_NESTED;
	if (outer->ecn == ECN_CONGESTED && mark_inner4(ip))
		return DECAP_CONGESTED;
	return outer->is_ip6 ? DECAP_IP4_IN_IP6 : DECAP_IP4_IN_IP4;
}

static __always_inline int judge_inner6(struct parse_cursor cursor, const struct outer *outer)
{
	struct parse_payload payload;
	struct ipv6hdr *ip;

	if (parse_ip6(&cursor, &ip, &payload) ||
	    sizeof(*ip) + bpf_ntohs(ip->payload_len) > outer->payload.len)
		return DECAP_BAD_INNER;
	if (is_tunnel(&payload))
		return DECAP_NESTED;
	if (outer->ecn == ECN_CONGESTED && mark_inner6(ip))
		return DECAP_CONGESTED;
	return outer->is_ip6 ? DECAP_IP6_IN_IP6 : DECAP_IP6_IN_IP4;
}

/* Returns enum decap_counter, or NOT_A_TUNNEL. */
static __always_inline int handle(struct xdp_md *ctx)
{
	struct parse_cursor cursor = parse_start(ctx);
	struct outer outer = {};
	bool inner_is_ip6;
	__be16 proto;
	__u32 link_len, outer_len;
	int ret;

	if (parse_eth(&cursor, &proto))
		return NOT_A_TUNNEL;
	link_len = cursor.pos - cursor.start;
	if (proto == bpf_htons(ETH_P_IP))
		ret = read_outer4(&cursor, &outer);
	else if (proto == bpf_htons(ETH_P_IPV6))
		ret = read_outer6(&cursor, &outer);
	else
		return NOT_A_TUNNEL;
	if (!ret)
		ret = judge_outer(&outer);
	if (ret)
		return ret;

	parse_join(&cursor);
	inner_is_ip6 = outer.payload.proto == IPPROTO_IPV6;
	ret = inner_is_ip6 ? judge_inner6(cursor, &outer) : judge_inner4(cursor, &outer);
	if (ret >= DECAP_FIRST_LEFT)
		return ret;
	proto = bpf_htons(inner_is_ip6 ? ETH_P_IPV6 : ETH_P_IP);
	outer_len = cursor.pos - cursor.start - link_len;
	return decap_remove_outer(ctx, link_len, outer_len, proto) ? DECAP_REFUSED : ret;
}

SEC("xdp")
int decap(struct xdp_md *ctx)
{
	__u32 bytes = ctx->data_end - ctx->data;
	int ret = handle(ctx);

	if (ret == NOT_A_TUNNEL)
		return XDP_PASS;
	count_packet(&decap_counts, ret, bytes);
	return ret < DECAP_FIRST_DROP ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
