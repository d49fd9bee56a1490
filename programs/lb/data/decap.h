/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnels that end here are taken apart before anything else is looked at: IP in IP, and
 * GUE at its port. To an address of lb_tunnels: what was inside is balanced. To this host's
 * own (the source of what it sends itself): it is passed on, for a real that is this host.
 */
#ifndef LB_DATA_DECAP_H
#define LB_DATA_DECAP_H

#include "bpf/decap.h"
#include "bpf/gue.h"
#include "programs/lb/data/icmp.h"
#include "programs/lb/data/maps.h"
#include "programs/lb/data/marks.h"

/* Tunnels in tunnels that are taken apart; what is in there deeper is no TCP or UDP. */
#define TUNNELS_DEEP 4

enum tunnel_flag {
	TUNNEL_OUTER_IP6 = 1 << 0,
	TUNNEL_INNER_IP6 = 1 << 1,
};

struct tunnel {
	__u32 dest[4]; /* of the outer header, as in lb_tunnels */
	__u32 len;     /* bytes in front of the inner packet, behind the Ethernet header */
	__u32 flags;   /* enum tunnel_flag */
};

/* Variant 1 alone, which is what load balancers send: the inner packet behind UDP at once. */
static __always_inline bool read_gue(const struct lb_run *run, struct tunnel *tunnel)
{
	struct udphdr *udp = packet_at(run, ETH_HLEN + tunnel->len);
	__u8 proto;

	if ((void *)(udp + 1) > packet_end(run) || udp->dest != run->control->gue_port)
		return false;
	tunnel->len += sizeof(*udp);
	if (gue_header_len((void *)(udp + 1), packet_end(run), &proto) != 0)
		return false;
	if (proto == IPPROTO_IPV6)
		tunnel->flags |= TUNNEL_INNER_IP6;
	return true;
}

/* Behind an outer header of @tunnel->len bytes. False: it is no tunnel's. */
static __always_inline bool read_inner(const struct lb_run *run, __u8 proto, struct tunnel *tunnel)
{
	if (proto == IPPROTO_UDP)
		return read_gue(run, tunnel);
	if (proto == IPPROTO_IPV6)
		tunnel->flags |= TUNNEL_INNER_IP6;
	return proto == IPPROTO_IPV6 || proto == IPPROTO_IPIP;
}

/* Options and fragments are no tunnel's: they are dropped where all of their kind are. */
static __always_inline bool read_tunnel4(const struct lb_run *run, struct tunnel *tunnel)
{
	struct iphdr *ip = packet_at(run, ETH_HLEN);

	if ((void *)(ip + 1) > packet_end(run) || ip->ihl != sizeof(*ip) / 4 ||
	    ip->frag_off & bpf_htons(IP4_FRAGMENT))
		return false;
	tunnel->dest[2] = bpf_htonl(0xffff);
	tunnel->dest[3] = ip->daddr;
	tunnel->len = sizeof(*ip);
	return read_inner(run, ip->protocol, tunnel);
}

static __always_inline bool read_tunnel6(const struct lb_run *run, struct tunnel *tunnel)
{
	struct ipv6hdr *ip = packet_at(run, ETH_HLEN);

	if ((void *)(ip + 1) > packet_end(run))
		return false;
	encap_copy_address(ip->daddr.in6_u.u6_addr32, tunnel->dest);
	tunnel->len = sizeof(*ip);
	tunnel->flags = TUNNEL_OUTER_IP6;
	return read_inner(run, ip->nexthdr, tunnel);
}

static __always_inline bool read_tunnel(const struct lb_run *run, struct tunnel *tunnel)
{
	struct ethhdr *eth = packet_at(run, 0);
	bool is_tunnel = false;

	if ((void *)(eth + 1) > packet_end(run))
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		is_tunnel = read_tunnel4(run, tunnel);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		is_tunnel = read_tunnel6(run, tunnel);
	tunnel->len = join(run, tunnel->len);
	tunnel->flags = join(run, tunnel->flags);
	return is_tunnel;
}

static __always_inline bool is_to_balance(const struct lb_run *run, const struct tunnel *tunnel)
{
	return run->control->flags & LB_HAS_TUNNELS &&
	       bpf_map_lookup_elem(&lb_tunnels, tunnel->dest);
}

/* An address that is not set is nobody's. */
static __always_inline bool is_own(const struct lb_run *run, const struct tunnel *tunnel)
{
	const __u32 *own4 = (const __u32 *)run->control->source4;
	const __u32 *own6 = (const __u32 *)run->control->source6;
	const __u32 *dest = tunnel->dest;

	if (!(tunnel->flags & TUNNEL_OUTER_IP6))
		return *own4 && dest[3] == *own4;
	return own6[0] && dest[0] == own6[0] && dest[1] == own6[1] && dest[2] == own6[2] &&
	       dest[3] == own6[3];
}

/* Who balances is a hop, so that what goes round between two of them comes to an end. */
static __always_inline int lower_ttl4(const struct lb_run *run)
{
	struct iphdr *ip = packet_at(run, ETH_HLEN);

	if ((void *)(ip + 1) > packet_end(run))
		return LB_BAD_HEADER;
	if (!ip->ttl)
		return LB_EXPIRED;
	ip->ttl--;
	ip->check = raise_check(ip->check, bpf_htons(0x100));
	return ip->ttl ? LB_GO_ON : LB_EXPIRED;
}

static __always_inline int lower_ttl6(const struct lb_run *run)
{
	struct ipv6hdr *ip = packet_at(run, ETH_HLEN);

	if ((void *)(ip + 1) > packet_end(run))
		return LB_BAD_HEADER;
	if (!ip->hop_limit)
		return LB_EXPIRED;
	ip->hop_limit--;
	return ip->hop_limit ? LB_GO_ON : LB_EXPIRED;
}

static __always_inline int open_tunnel(const struct lb_run *run, const struct tunnel *tunnel)
{
	bool is_ip6 = tunnel->flags & TUNNEL_INNER_IP6;
	__be16 proto = is_ip6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);

	if (decap_remove_outer(run->ctx, ETH_HLEN, tunnel->len, proto))
		return LB_BAD_HEADER;
	run->count[tunnel->flags & TUNNEL_OUTER_IP6 ? LB_DECAP6 : LB_DECAP4]++;
	note_tunnel(true);
	return is_ip6 ? lower_ttl6(run) : lower_ttl4(run);
}

/* open_tunnels - the frame is what was in them afterwards. */
static __always_inline int open_tunnels(const struct lb_run *run)
{
	note_tunnel(false);
	for (int i = 0; i < TUNNELS_DEEP; i++) {
		struct tunnel tunnel = {};
		bool is_here;
		int ret;

		if (!read_tunnel(run, &tunnel))
			return LB_GO_ON;
		is_here = !is_to_balance(run, &tunnel);
		if (is_here && !is_own(run, &tunnel))
			return LB_GO_ON;
		ret = open_tunnel(run, &tunnel);
		if (ret != LB_GO_ON)
			return ret;
		if (is_here)
			return LB_HERE;
	}
	return LB_GO_ON;
}

#endif
