/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tc_decap: what decap does in XDP, at the TC ingress of one netns's interface. For
 * Ethernet interfaces.
 *
 * An skb knows more of the packet than its bytes, and all of it has to stay true: how
 * large its segments are, which protocol it is of, and what somebody found out about its
 * checksums. So no byte is written where it is about to be cut off, and what is written
 * behind is made known.
 */
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/csum.h"
#include "bpf/manifest.h"
#include "programs/decap/data/ids.h"
#include "programs/decap/data/plain.h"

SLOT_NAME("tc_decap");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("tc-ingress");
SLOT_MAP_ABI(1);

/*
 * Bytes of a frame that are brought out of pages. The first are enough to tell what is no
 * tunnel: Ethernet, tags, IPv6, options of what Linux's tunnels send, and UDP. The
 * others are as far as anything is looked at (PARSE_OFFSET_MASK, and a header behind).
 */
#define REACH_NEAR 96
#define REACH_FAR 2112
#define TCP_HEADER_MAX 60

/* Segments stay as large as their sender made them; checksums that were verified stay so. */
#define ROOM_FLAGS (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET)

/* Bytes of the inner packet that are cut off for a moment, see cut_gue(). */
#define CUT_MORE 8

/* Has to do without a packet's last bytes where there is no memory for them. */
static __always_inline void reach(struct __sk_buff *skb, __u32 len)
{
	if (len > skb->len)
		len = skb->len;
	if (skb->data_end - skb->data < len)
		bpf_skb_pull_data(skb, len);
}

static __always_inline struct parse_cursor start(const struct __sk_buff *skb)
{
	struct parse_cursor cursor = {
		.start = (void *)(long)skb->data,
		.pos = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
	};

	cursor.rest = skb->len - (cursor.end - cursor.start);
	return cursor;
}

/* Global, as parse_ip6_at() asks for. */
__noinline __s64 tc_decap_ip6_at(struct __sk_buff *skb, __u32 at)
{
	return parse_ip6_at(start(skb), at);
}

static __always_inline __s64 read_ip6_at(void *ctx, __u32 at)
{
	return tc_decap_ip6_at(ctx, at);
}

static __always_inline void *read_start(void *ctx)
{
	return (void *)(long)((volatile struct __sk_buff *)ctx)->data;
}

/* Global, as tcp_id_find() asks for. @offset is the TCP header's. */
__noinline __u32 tc_decap_tcp_id(struct __sk_buff *skb, __u32 offset, __u8 kind)
{
	struct tcphdr *tcp;
	void *end;

	reach(skb, offset + TCP_HEADER_MAX);
	tcp = (void *)(long)skb->data + (offset & PARSE_OFFSET_MASK);
	end = (void *)(long)skb->data_end;
	/* What begins a connection has no id yet. */
	if ((void *)(tcp + 1) > end || tcp->syn)
		return 0;
	return tcp_id_find(tcp, end, kind, decap_config.tcp_option_magic);
}

/* judge() of what is at hand. Global, so that the verifier walks it once. */
__noinline int tc_decap_judge(struct __sk_buff *skb, struct tunnel *tunnel)
{
	const struct frame frame = { skb, read_ip6_at, read_start };
	struct parse_cursor cursor = start(skb);
	struct tunnel found = {};
	int ret;

	if (!tunnel)
		return NOT_A_TUNNEL;
	ret = judge(&frame, &cursor, &found);
	*tunnel = found;
	return ret;
}

/* judge(), with as much of the frame at hand as that takes. */
static __always_inline int look(struct __sk_buff *skb, struct tunnel *tunnel)
{
	int ret;

	reach(skb, REACH_NEAR);
	ret = tc_decap_judge(skb, tunnel);
	if (skb->data_end - skb->data >= skb->len)
		return ret;
	if (ret < DECAP_FIRST_LEFT && !(tunnel->flags & TUNNEL_CUT))
		return ret;
	reach(skb, REACH_FAR);
	return tc_decap_judge(skb, tunnel);
}

/*
 * Cuts @len bytes behind the Ethernet header, GUE's. A checksum that the sender left to
 * the device may be UDP's, and is gone with it: the kernel sees that only where the place
 * of it is in front of what is left, the Ethernet header included. So a bit more is cut,
 * and put back.
 */
static __always_inline int cut_gue(struct __sk_buff *skb, __s32 len, __u32 inner_at)
{
	__u64 head;

	if (bpf_skb_load_bytes(skb, inner_at, &head, sizeof(head)))
		return -1;
	if (bpf_skb_adjust_room(skb, -len - CUT_MORE, BPF_ADJ_ROOM_MAC, ROOM_FLAGS))
		return -1;
	if (bpf_skb_adjust_room(skb, CUT_MORE, BPF_ADJ_ROOM_MAC, ROOM_FLAGS))
		return -1;
	return bpf_skb_store_bytes(skb, ETH_HLEN, &head, sizeof(head), BPF_F_RECOMPUTE_CSUM);
}

/* Cuts @len bytes behind the Ethernet header. */
static __always_inline int cut(struct __sk_buff *skb, const struct tunnel *tunnel, __s32 len,
			       __u32 inner_len)
{
	__u32 least = tunnel->flags & TUNNEL_INNER_IP6 ? sizeof(struct ipv6hdr) :
							 sizeof(struct iphdr);
	bool is_verified;

	if (!(tunnel->flags & TUNNEL_GUE))
		return bpf_skb_adjust_room(skb, -len, BPF_ADJ_ROOM_MAC, ROOM_FLAGS);
	/* What a device verified is not left to it. */
	is_verified = bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0;
	/* And the first was UDP's checksum, or that there is none. */
	bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC);
	/* The kernel leaves no less than an IP header; so short an inner packet has no checksum. */
	if (!(tunnel->flags & TUNNEL_SUM) || is_verified || inner_len < least + CUT_MORE)
		return bpf_skb_adjust_room(skb, -len, BPF_ADJ_ROOM_MAC, ROOM_FLAGS);
	return cut_gue(skb, len, ETH_HLEN + len);
}

/*
 * The protocol that the skb is of changes with bpf_skb_change_proto(), which also makes
 * the outer header as long as that protocol's; adjust_room's own flags for it came with
 * Linux 6.3.
 */
static __always_inline int remove_outer(struct __sk_buff *skb, const struct tunnel *tunnel)
{
	bool is_ip6 = tunnel->flags & TUNNEL_INNER_IP6;
	__be16 proto = bpf_htons(is_ip6 ? ETH_P_IPV6 : ETH_P_IP);
	__s32 more = sizeof(struct ipv6hdr) - sizeof(struct iphdr);
	__u32 inner_len = skb->len - tunnel->link_len - tunnel->outer_len;
	__s32 len = tunnel->outer_len;

	if (!(tunnel->flags & TUNNEL_IP6) == !is_ip6)
		return cut(skb, tunnel, len, inner_len);
	if (bpf_skb_change_proto(skb, proto, 0) ||
	    cut(skb, tunnel, len + (is_ip6 ? more : -more), inner_len))
		return -1;
	return bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &proto, sizeof(proto), 0);
}

/* Hands the outer congestion mark on to the inner header, which begins at @at. */
static __always_inline int mark4(struct __sk_buff *skb, __u32 at)
{
	__u32 check_at = at + offsetof(struct iphdr, check);
	__be16 before, after;
	__sum16 check;

	if (bpf_skb_load_bytes(skb, at, &before, sizeof(before)) ||
	    bpf_skb_load_bytes(skb, check_at, &check, sizeof(check)))
		return -1;
	after = before | bpf_htons(ECN_CONGESTED);
	check = csum_replace(check, before, after);
	if (bpf_skb_store_bytes(skb, at, &after, sizeof(after), BPF_F_RECOMPUTE_CSUM))
		return -1;
	return bpf_skb_store_bytes(skb, check_at, &check, sizeof(check), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline int mark6(struct __sk_buff *skb, __u32 at)
{
	__be16 word;

	if (bpf_skb_load_bytes(skb, at, &word, sizeof(word)))
		return -1;
	word |= bpf_htons(ECN_CONGESTED << 4);
	return bpf_skb_store_bytes(skb, at, &word, sizeof(word), BPF_F_RECOMPUTE_CSUM);
}

/* What is not plain, or not at hand. @bytes is the frame's length. */
static __always_inline int handle_any(struct __sk_buff *skb, __u32 bytes)
{
	struct tunnel tunnel = {};
	int ret = look(skb, &tunnel), err = 0;

	if (ret == NOT_A_TUNNEL || ret >= DECAP_FIRST_LEFT)
		return ret;
	/* The kernel cuts behind the Ethernet header alone; one tag is not in the frame here. */
	if (tunnel.link_len != ETH_HLEN)
		return DECAP_TAGGED;
	err = remove_outer(skb, &tunnel);
	if (!err && tunnel.flags & TUNNEL_CONGESTED)
		err = tunnel.flags & TUNNEL_INNER_IP6 ? mark6(skb, tunnel.link_len) :
							mark4(skb, tunnel.link_len);
	if (err)
		return DECAP_REFUSED;
	if (tunnel.tcp_at)
		ids_note(tc_decap_tcp_id(skb, tunnel.tcp_at - tunnel.outer_len,
					 ids_option(tunnel.control.tcp_option)),
			 bytes);
	return ret;
}

/* Returns enum decap_counter, or NOT_A_TUNNEL. */
static __always_inline int handle(struct __sk_buff *skb, __u32 bytes)
{
	struct parse_cursor cursor = start(skb);
	int ret = plain_judge(&cursor);

	if (ret == NOT_A_TUNNEL)
		return ret;
	/* What changes the protocol is not done with a cut. */
	if (ret == NOT_PLAIN || is_plain_outer6(ret) != is_plain_inner6(ret))
		return handle_any(skb, bytes);
	if (bpf_skb_adjust_room(skb, -(__s32)plain_outer_len(ret), BPF_ADJ_ROOM_MAC, ROOM_FLAGS))
		return DECAP_REFUSED;
	return ret;
}

SEC("tc")
int tc_decap(struct __sk_buff *skb)
{
	__u32 bytes = skb->len;
	int ret = handle(skb, bytes);

	if (ret == NOT_A_TUNNEL)
		return TC_ACT_UNSPEC;
	count_packet(&decap_counts, ret, bytes);
	return ret < DECAP_FIRST_DROP ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
