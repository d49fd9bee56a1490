/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP: echo is answered, errors follow the flow they are about, frames too long are told of. */
#ifndef LB_DATA_ICMP_H
#define LB_DATA_ICMP_H

#include "programs/lb/data/link.h"
#include "programs/lb/data/maps.h"

#define ICMP4_ECHO_REPLY 0
#define ICMP4_UNREACHABLE 3
#define ICMP4_TOO_BIG 4 /* a code of the former */
#define ICMP4_ECHO 8
#define ICMP6_UNREACHABLE 1
#define ICMP6_TOO_BIG 2
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129

#define ANSWER_TTL 64
/* Bytes of a frame that an answer quotes, Ethernet header included, as Katran does. */
#define QUOTE4 98
#define QUOTE6 262

struct icmp_header {
	__u8 type;
	__u8 code;
	__sum16 check;
	__be32 rest; /* of too-big: the MTU */
};

struct too_big4 {
	struct iphdr ip;
	struct icmp_header icmp;
};

struct too_big6 {
	struct ipv6hdr ip;
	struct icmp_header icmp;
};

static __always_inline void swap_link(struct lb_link *link)
{
	struct lb_mac source = { link->src_first | link->src_last << 16, link->src_last >> 16 };

	turn_link(link, source);
}

/* @check after a word of the packet became smaller by @less: it grows by that (RFC 1624). */
static __always_inline __sum16 raise_check(__sum16 check, __be16 less)
{
	__u32 sum = (__u32)check + less;

	return sum + (sum >> 16);
}

static __always_inline int answer_echo4(const struct lb_run *run)
{
	struct lb_link *link = packet_at(run, 0);
	struct iphdr *ip = packet_at(run, ETH_HLEN);
	struct icmp_header *icmp = (void *)(ip + 1);
	__be16 *ttl = (__be16 *)&ip->ttl, before;
	__u32 source;

	if ((void *)(icmp + 1) > packet_end(run))
		return LB_BAD_HEADER;
	count_long(run);
	swap_link(link);
	source = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = source;
	before = *ttl;
	ip->ttl = ANSWER_TTL;
	if (*ttl != before)
		ip->check = csum_replace(ip->check, before, *ttl);
	icmp->type = ICMP4_ECHO_REPLY;
	icmp->check = raise_check(icmp->check, bpf_htons(ICMP4_ECHO << 8));
	return LB_ECHO_ANSWERED;
}

static __always_inline int answer_echo6(const struct lb_run *run)
{
	struct lb_link *link = packet_at(run, 0);
	struct ipv6hdr *ip = packet_at(run, ETH_HLEN);
	struct icmp_header *icmp = (void *)(ip + 1);
	__u32 source[4];
	__u16 check;

	if ((void *)(icmp + 1) > packet_end(run))
		return LB_BAD_HEADER;
	count_long(run);
	swap_link(link);
	encap_copy_address(ip->saddr.in6_u.u6_addr32, source);
	encap_copy_address(ip->daddr.in6_u.u6_addr32, ip->saddr.in6_u.u6_addr32);
	encap_copy_address(source, ip->daddr.in6_u.u6_addr32);
	ip->hop_limit = ANSWER_TTL;
	icmp->type = ICMP6_ECHO_REPLY;
	/* The type's word grew by 0x100, so the checksum shrinks by that, with the borrow. */
	check = bpf_ntohs(icmp->check);
	icmp->check = bpf_htons(check - 0x100 - (check < 0x100));
	return LB_ECHO_ANSWERED;
}

/* The flow that an error is about: that of the packet it quotes, which went the other way. */
static __always_inline int read_quote4(const struct lb_run *run, struct lb_packet *packet)
{
	struct iphdr *quoted = packet_at(run, packet->offset + sizeof(struct icmp_header));

	if ((void *)(quoted + 1) > packet_end(run))
		return LB_BAD_HEADER;
	if (quoted->ihl != sizeof(*quoted) / 4)
		return LB_OPTIONS;
	/* A later fragment: what would be its ports is of its middle. */
	if (quoted->frag_off & bpf_htons(IP4_OFFSET))
		return LB_OTHER_ICMP;
	packet->proto = quoted->protocol;
	packet->src[0] = quoted->daddr;
	packet->client = quoted->daddr;
	packet->dst[0] = quoted->saddr;
	packet->flags = PACKET_ICMP;
	packet->offset += sizeof(struct icmp_header) + sizeof(*quoted);
	return LB_GO_ON;
}

static __always_inline int read_quote6(const struct lb_run *run, struct lb_packet *packet)
{
	struct ipv6hdr *quoted = packet_at(run, packet->offset + sizeof(struct icmp_header));

	if ((void *)(quoted + 1) > packet_end(run))
		return LB_BAD_HEADER;
	packet->proto = quoted->nexthdr;
	encap_copy_address(quoted->daddr.in6_u.u6_addr32, packet->src);
	encap_copy_address(quoted->saddr.in6_u.u6_addr32, packet->dst);
	packet->client = packet->src[3];
	packet->flags = PACKET_ICMP;
	packet->offset += sizeof(struct icmp_header) + sizeof(*quoted);
	return LB_GO_ON;
}

static __always_inline int read_icmp4(const struct lb_run *run, struct lb_packet *packet)
{
	struct icmp_header *icmp = packet_at(run, packet->offset);

	if ((void *)(icmp + 1) > packet_end(run))
		return LB_BAD_HEADER;
	if (icmp->type == ICMP4_ECHO)
		return answer_echo4(run);
	if (icmp->type != ICMP4_UNREACHABLE)
		return LB_OTHER_ICMP;
	if (icmp->code == ICMP4_TOO_BIG)
		run->count[LB_ICMP_PTB4]++;
	return read_quote4(run, packet);
}

static __always_inline int read_icmp6(const struct lb_run *run, struct lb_packet *packet)
{
	struct icmp_header *icmp = packet_at(run, packet->offset);

	if ((void *)(icmp + 1) > packet_end(run))
		return LB_BAD_HEADER;
	if (icmp->type == ICMP6_ECHO)
		return answer_echo6(run);
	if (icmp->type != ICMP6_UNREACHABLE && icmp->type != ICMP6_TOO_BIG)
		return LB_OTHER_ICMP;
	if (icmp->type == ICMP6_TOO_BIG)
		run->count[LB_ICMP_PTB6]++;
	return read_quote6(run, packet);
}

/* read_icmp - errors leave @packet as if it were of the flow they are about. */
static __always_inline int read_icmp(const struct lb_run *run, struct lb_packet *packet)
{
	if (packet->is_ip6)
		return packet->proto == IPPROTO_ICMPV6 ? read_icmp6(run, packet) : LB_GO_ON;
	return packet->proto == IPPROTO_ICMP ? read_icmp4(run, packet) : LB_GO_ON;
}

/*
 * Packet-too-big, called and not inlined: rare. The frame is cut to what the answer quotes,
 * and gets new headers in front, from the VIP to the client. The packet's MAC addresses
 * are turned in place before that, so that they can be copied.
 */
static __always_inline int shape_answer(struct xdp_md *ctx, __u32 quote, __u32 headers)
{
	struct lb_link *link = (void *)(long)ctx->data, turned;
	__u64 len = (void *)(long)ctx->data_end - (void *)(long)ctx->data;

	if ((void *)(link + 1) > (void *)(long)ctx->data_end)
		return -1;
	turned = *link;
	swap_link(&turned);
	/* In 64 bits: the verifier refuses to add packet pointers up in 32. */
	barrier_var(len);
	if (bpf_xdp_adjust_tail(ctx, (int)quote - (int)len) ||
	    bpf_xdp_adjust_head(ctx, -(int)headers))
		return -1;
	link = (void *)(long)ctx->data;
	if ((void *)(link + 1) > (void *)(long)ctx->data_end)
		return -1;
	*link = turned;
	return 0;
}

static __noinline int answer_too_big4(struct xdp_md *ctx)
{
	struct encap encap = { .proto = IPPROTO_ICMP };
	struct iphdr *ip = (void *)(long)ctx->data + ETH_HLEN;
	struct too_big4 *answer;
	__u32 len = QUOTE4 - ETH_HLEN + sizeof(answer->icmp);

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return LB_BAD_HEADER;
	encap.source[0] = ip->daddr;
	encap.dest[0] = ip->saddr;
	if (shape_answer(ctx, QUOTE4, sizeof(*answer)))
		return LB_NO_ROOM;
	answer = (void *)(long)ctx->data + ETH_HLEN;
	if ((void *)&answer->icmp + len > (void *)(long)ctx->data_end)
		return LB_NO_ROOM;
	encap_build4(&encap, len, &answer->ip);
	answer->icmp.type = ICMP4_UNREACHABLE;
	answer->icmp.code = ICMP4_TOO_BIG;
	answer->icmp.check = 0;
	answer->icmp.rest = bpf_htonl(lb_config.mtu);
	answer->icmp.check = csum_fold64(bpf_csum_diff(NULL, 0, (__be32 *)&answer->icmp, len, 0));
	return LB_TOO_BIG_ANSWERED;
}

static __noinline int answer_too_big6(struct xdp_md *ctx)
{
	struct encap encap = { .proto = IPPROTO_ICMPV6 };
	struct ipv6hdr *ip = (void *)(long)ctx->data + ETH_HLEN;
	struct too_big6 *answer;
	__u32 len = QUOTE6 - ETH_HLEN + sizeof(answer->icmp);
	__u64 sum;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return LB_BAD_HEADER;
	encap_copy_address(ip->daddr.in6_u.u6_addr32, encap.source);
	encap_copy_address(ip->saddr.in6_u.u6_addr32, encap.dest);
	if (shape_answer(ctx, QUOTE6, sizeof(*answer)))
		return LB_NO_ROOM;
	answer = (void *)(long)ctx->data + ETH_HLEN;
	if ((void *)&answer->icmp + len > (void *)(long)ctx->data_end)
		return LB_NO_ROOM;
	encap_build6(&encap, len, &answer->ip);
	answer->icmp.type = ICMP6_TOO_BIG;
	answer->icmp.code = 0;
	answer->icmp.check = 0;
	answer->icmp.rest = bpf_htonl(lb_config.mtu);
	sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)&answer->icmp, len, 0);
	sum += encap_add_address(encap.source) + encap_add_address(encap.dest);
	sum += (__u32)bpf_htons(IPPROTO_ICMPV6) + bpf_htons(len);
	answer->icmp.check = csum_fold64(sum);
	return LB_TOO_BIG_ANSWERED;
}

/* An error is never answered with another one (RFC 1122). */
static __always_inline int answer_too_long(const struct lb_run *run, const struct lb_packet *packet)
{
	if (!lb_config.too_big || packet->flags & PACKET_ICMP)
		return LB_TOO_LONG;
	return packet->is_ip6 ? answer_too_big6(run->ctx) : answer_too_big4(run->ctx);
}

#endif
