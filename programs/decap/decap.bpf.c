/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decap: takes packets out of IPv4 and IPv6 tunnels that end on this host, IP in IP
 * and GUE.
 *
 * Only one level, only to configured addresses, only whole packets. The
 * Ethernet header and its VLAN tags stay; the chain goes on with the inner
 * packet. What it does not take out passes as it came.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/csum.h"
#include "bpf/decap.h"
#include "bpf/manifest.h"
#include "programs/decap/data/ids.h"
#include "programs/decap/data/plain.h"

SLOT_NAME("decap");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("xdp");
SLOT_MAP_ABI(1);

/* Global, as parse_ip6_at() asks for. */
__noinline __s64 decap_ip6_at(struct xdp_md *ctx, __u32 at)
{
	return parse_ip6_at(parse_start(ctx), at);
}

static __always_inline __s64 read_ip6_at(void *ctx, __u32 at)
{
	return decap_ip6_at(ctx, at);
}

static __always_inline void *read_start(void *ctx)
{
	return (void *)(long)((volatile struct xdp_md *)ctx)->data;
}

/* Global, as tcp_id_find() asks for. @offset is the TCP header's. */
__noinline __u32 decap_tcp_id(struct xdp_md *ctx, __u32 offset, __u8 kind)
{
	struct tcphdr *tcp = (void *)(long)ctx->data + (offset & PARSE_OFFSET_MASK);
	void *end = (void *)(long)ctx->data_end;

	/* What begins a connection has no id yet. */
	if ((void *)(tcp + 1) > end || tcp->syn)
		return 0;
	return tcp_id_find(tcp, end, kind, decap_config.tcp_option_magic);
}

/* Hands the outer congestion mark on to the inner header, which is behind @link_len bytes. */
static __always_inline void mark(const struct xdp_md *ctx, __u32 link_len, bool is_ip6)
{
	void *at = (void *)(long)ctx->data + (link_len & PARSE_OFFSET_MASK);
	struct ipv6hdr *ip6 = at;
	struct iphdr *ip4 = at;
	__be16 before;

	if ((void *)(ip4 + 1) > (void *)(long)ctx->data_end)
		return;
	if (is_ip6) {
		ip6->flow_lbl[0] |= ECN_CONGESTED << 4;
		return;
	}
	before = *(__be16 *)ip4;
	ip4->tos |= ECN_CONGESTED;
	ip4->check = csum_replace(ip4->check, before, *(__be16 *)ip4);
}

static __always_inline int remove_plain(struct xdp_md *ctx, int kind)
{
	if (decap_remove_plain(ctx, plain_outer_len(kind),
			       bpf_htons(is_plain_inner6(kind) ? ETH_P_IPV6 : ETH_P_IP)))
		return DECAP_REFUSED;
	return kind;
}

/* What is not plain. @bytes is the frame's length. */
static __always_inline int handle_any(struct xdp_md *ctx, __u32 bytes)
{
	struct parse_cursor cursor = parse_start(ctx);
	__u64 zero = verifier_zero(cursor.start, cursor.end);
	struct tunnel tunnel = {};
	const struct frame frame = { ctx, read_ip6_at, read_start };
	int ret = judge(&frame, &cursor, &tunnel);
	__be16 proto;

	if (ret == NOT_A_TUNNEL || ret >= DECAP_FIRST_LEFT)
		return ret;
	ret = verifier_mix(ret, zero);
	proto = bpf_htons(tunnel.flags & TUNNEL_INNER_IP6 ? ETH_P_IPV6 : ETH_P_IP);
	if (decap_remove_outer(ctx, tunnel.link_len, tunnel.outer_len, proto))
		return DECAP_REFUSED;
	if (tunnel.flags & TUNNEL_CONGESTED)
		mark(ctx, tunnel.link_len, tunnel.flags & TUNNEL_INNER_IP6);
	if (tunnel.tcp_at)
		ids_note(decap_tcp_id(ctx, tunnel.tcp_at - tunnel.outer_len,
				      ids_option(tunnel.control.tcp_option)),
			 bytes);
	return ret;
}

/* Returns enum decap_counter, or NOT_A_TUNNEL. */
static __always_inline int handle(struct xdp_md *ctx, __u32 bytes)
{
	const struct parse_cursor cursor = parse_start(ctx);
	int ret = plain_judge(&cursor);

	if (ret == NOT_PLAIN)
		return handle_any(ctx, bytes);
	return ret == NOT_A_TUNNEL ? ret : remove_plain(ctx, ret);
}

SEC("xdp")
int decap(struct xdp_md *ctx)
{
	__u32 bytes = ctx->data_end - ctx->data;
	int ret = handle(ctx, bytes);

	if (ret == NOT_A_TUNNEL)
		return XDP_PASS;
	count_packet(&decap_counts, ret, bytes);
	return ret < DECAP_FIRST_DROP ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
