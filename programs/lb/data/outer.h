/* SPDX-License-Identifier: GPL-2.0-only */
/* Outer headers, and the real's own address on a segment: what lb and hwmark send packets with. */
#ifndef LB_DATA_OUTER_H
#define LB_DATA_OUTER_H

#include "programs/lb/data/link.h"

/*
 * push_outer - room for @len bytes in front of the IP header, and a new Ethernet header
 * in front of that. Returns where the @len bytes begin, or NULL.
 */
static __always_inline void *push_outer(const struct lb_run *run, __u32 len, __be16 proto)
{
	struct lb_link *link = packet_at(run, 0);
	struct lb_link saved;

	if ((void *)link + LINK_LEN > packet_end(run))
		return NULL;
	saved.dst_first = link->dst_first;
	saved.dst_last = link->dst_last;
	if (bpf_xdp_adjust_head(run->ctx, -(int)len))
		return NULL;
	link = packet_at(run, 0);
	if ((void *)link + LINK_LEN + len > packet_end(run))
		return NULL;
	if (packet_end(run) - ((void *)link + LINK_LEN) > *run->mtu)
		run->count[LB_SENT_LONG]++;
	link->dst_first = saved.dst_first;
	link->dst_last = saved.dst_last;
	turn_link(link, get_gateway(run));
	link->proto = proto;
	return (void *)link + LINK_LEN;
}

static __always_inline int push_ip4(const struct lb_run *run, const struct encap *encap)
{
	struct iphdr *outer = push_outer(run, sizeof(*outer), bpf_htons(ETH_P_IP));

	if (!outer)
		return LB_NO_ROOM;
	encap_build4(encap, encap->len, outer);
	return LB_SENT4;
}

static __always_inline int push_ip6(const struct lb_run *run, const struct encap *encap)
{
	struct ipv6hdr *outer = push_outer(run, sizeof(*outer), bpf_htons(ETH_P_IPV6));

	if (!outer)
		return LB_NO_ROOM;
	encap_build6(encap, encap->len, outer);
	return LB_SENT6;
}

static __always_inline int push_gue4(const struct lb_run *run, const struct encap *encap)
{
	struct encap_gue4 *outer = push_outer(run, sizeof(*outer), bpf_htons(ETH_P_IP));

	if (!outer)
		return LB_NO_ROOM;
	encap_build_gue4(encap, outer);
	return LB_SENT4;
}

static __always_inline int push_gue6(const struct lb_run *run, const struct encap *encap)
{
	struct encap_gue6 *outer = push_outer(run, sizeof(*outer), bpf_htons(ETH_P_IPV6));

	if (!outer)
		return LB_NO_ROOM;
	encap_build_gue6(encap, outer);
	return LB_SENT6;
}

static __always_inline void start_encap(const struct lb_packet *packet, const struct lb_real *real,
					struct encap *encap)
{
	const __u32 *dest = (const __u32 *)real->addr;

	encap->tos = packet->tos;
	encap->len = packet->bytes;
	if (packet->is_ip6)
		encap->len += sizeof(struct ipv6hdr);
	encap_copy_address(dest, encap->dest);
}

static __always_inline int send_ipip(const struct lb_run *run, const struct lb_packet *packet,
				     const struct lb_real *real)
{
	struct encap encap = { .proto = packet->is_ip6 ? IPPROTO_IPV6 : IPPROTO_IPIP };

	start_encap(packet, real, &encap);
	if (real->flags & LB_REAL_IP6) {
		encap_source6(packet->client, packet->outer_sport, encap.source);
		return push_ip6(run, &encap);
	}
	if (packet->is_ip6)
		return LB_MIXED_FAMILY;
	encap.source[0] = encap_source4(packet->client, packet->outer_sport);
	return push_ip4(run, &encap);
}

/* What the outer checksum needs of the inner packet. False: cut short, which was seen before. */
static __always_inline bool sum_inner(const struct lb_run *run, const struct lb_packet *packet,
				      struct encap *encap)
{
	struct iphdr *ip4 = packet_at(run, ETH_HLEN);
	struct ipv6hdr *ip6 = packet_at(run, ETH_HLEN);

	if (packet->is_ip6) {
		if ((void *)(ip6 + 1) > packet_end(run))
			return false;
		encap_sum6(ip6, encap);
	} else {
		if ((void *)(ip4 + 1) > packet_end(run))
			return false;
		encap_sum4(ip4, encap);
	}
	encap->has_inner_sum = packet->flags & PACKET_CHECK;
	return true;
}

static __always_inline int send_gue(const struct lb_run *run, const struct lb_packet *packet,
				    const struct lb_real *real)
{
	const struct lb_control *control = run->control;
	bool is_ip6 = real->flags & LB_REAL_IP6;
	struct encap encap = { .proto = IPPROTO_UDP, .dport = control->gue_port };

	start_encap(packet, real, &encap);
	encap.sport = encap_gue_port(packet->client, packet->is_ip6, is_ip6, packet->outer_sport);
	if (!is_ip6 && packet->is_ip6)
		return LB_MIXED_FAMILY;
	if (!is_ip6) {
		encap.source[0] = *(const __u32 *)control->source4;
		return push_gue4(run, &encap);
	}
	encap_copy_address((const __u32 *)control->source6, encap.source);
	if (!sum_inner(run, packet, &encap))
		return LB_BAD_HEADER;
	return push_gue6(run, &encap);
}

/* The packet as it is, to the real's own address on this segment. */
static __always_inline int send_l2(const struct lb_run *run, const struct lb_real *real)
{
	struct lb_link *link = packet_at(run, 0);

	if ((void *)link + LINK_LEN > packet_end(run))
		return LB_BAD_HEADER;
	turn_link(link, get_mac(run, real));
	return real->flags & LB_REAL_IP6 ? LB_SENT6 : LB_SENT4;
}

/* send_outer - in the VIP's way @kind (enum lb_encap), which is not LB_REWRITE. */
static __always_inline int send_outer(const struct lb_run *run, const struct lb_packet *packet,
				      const struct lb_real *real, __u8 kind)
{
	if (kind == LB_GUE)
		return send_gue(run, packet, real);
	if (kind == LB_L2)
		return send_l2(run, real);
	return send_ipip(run, packet, real);
}

static __always_inline void count_one(void *map, __u32 id, __u32 bytes)
{
	struct slot_count *count = bpf_map_lookup_elem(map, &id);

	if (!count)
		return;
	count->packets++;
	count->bytes += bytes;
}

/* count_sent - one for VIP @number and for the real @index. */
static __always_inline void count_sent(const struct lb_packet *packet, __u32 number, __u32 index)
{
	count_one(&lb_vip_counts, number, packet->bytes);
	count_one(&lb_real_counts, index, packet->bytes);
}

#endif
