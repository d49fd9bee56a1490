/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plain mode: the real's address takes the place of the VIP's, and on the way back
 * the VIP's that of the real. Nothing is kept of a flow for that.
 */
#ifndef LB_DATA_REWRITE_H
#define LB_DATA_REWRITE_H

#include "programs/lb/data/link.h"
#include "programs/lb/data/maps.h"

/* The transport checksum of TCP or UDP, as far as there is one; NULL if it is cut off. */
static __always_inline __sum16 *find_check(const struct lb_run *run, const struct lb_packet *packet)
{
	struct udphdr *udp = packet_at(run, packet->offset);
	struct tcphdr *tcp = packet_at(run, packet->offset);

	if (packet->flags & PACKET_UDP)
		return (void *)(udp + 1) <= packet_end(run) ? &udp->check : NULL;
	return (void *)(tcp + 1) <= packet_end(run) ? &tcp->check : NULL;
}

/* A UDP checksum that comes to 0 is written as all ones: 0 says that there is none. */
static __always_inline void set_check(const struct lb_packet *packet, __sum16 *check, __sum16 value)
{
	if (!(packet->flags & PACKET_CHECK))
		return;
	*check = !value && packet->flags & PACKET_UDP ? 0xffff : value;
}

/* rewrite4 - @to in place of the destination, or of the source. */
static __always_inline bool rewrite4(const struct lb_run *run, const struct lb_packet *packet,
				     __u32 to, bool is_source)
{
	struct iphdr *ip = packet_at(run, ETH_HLEN);
	__sum16 *check = find_check(run, packet);
	__u32 from;

	if ((void *)(ip + 1) > packet_end(run) || !check)
		return false;
	from = is_source ? ip->saddr : ip->daddr;
	if (is_source)
		ip->saddr = to;
	else
		ip->daddr = to;
	ip->check = csum_replace4(ip->check, from, to);
	set_check(packet, check, csum_replace4(*check, from, to));
	return true;
}

/*
 * rewrite_error4 - an ICMP error goes to the real, which finds its own address in the packet
 * that is quoted. That header's checksum takes up the change, so ICMP's stays as it is.
 */
static __always_inline bool rewrite_error4(const struct lb_run *run, __u32 to)
{
	struct iphdr *ip = packet_at(run, ETH_HLEN), *quoted = (void *)(ip + 1) + 8;

	if ((void *)(quoted + 1) > packet_end(run))
		return false;
	ip->check = csum_replace4(ip->check, ip->daddr, to);
	ip->daddr = to;
	quoted->check = csum_replace4(quoted->check, quoted->saddr, to);
	quoted->saddr = to;
	return true;
}

static __always_inline bool rewrite6(const struct lb_run *run, const struct lb_packet *packet,
				     const __u32 to[4], bool is_source)
{
	struct ipv6hdr *ip = packet_at(run, ETH_HLEN);
	__sum16 *check = find_check(run, packet);
	__u32 from[4];

	if ((void *)(ip + 1) > packet_end(run) || !check)
		return false;
	if (is_source) {
		encap_copy_address(ip->saddr.in6_u.u6_addr32, from);
		encap_copy_address(to, ip->saddr.in6_u.u6_addr32);
	} else {
		encap_copy_address(ip->daddr.in6_u.u6_addr32, from);
		encap_copy_address(to, ip->daddr.in6_u.u6_addr32);
	}
	set_check(packet, check, csum_replace16(*check, from, to));
	return true;
}

/* As rewrite_error4(), but for the checksum: ICMPv6's covers both addresses. */
static __always_inline bool rewrite_error6(const struct lb_run *run, const __u32 to[4])
{
	struct ipv6hdr *ip = packet_at(run, ETH_HLEN), *quoted = (void *)(ip + 1) + 8;
	__sum16 *check = (void *)(ip + 1) + 2;

	if ((void *)(quoted + 1) > packet_end(run))
		return false;
	*check = csum_replace16(*check, ip->daddr.in6_u.u6_addr32, to);
	*check = csum_replace16(*check, quoted->saddr.in6_u.u6_addr32, to);
	encap_copy_address(to, ip->daddr.in6_u.u6_addr32);
	encap_copy_address(to, quoted->saddr.in6_u.u6_addr32);
	return true;
}

static __always_inline bool rewrite_dest(const struct lb_run *run, const struct lb_packet *packet,
					 const __u32 to[4])
{
	bool is_error = packet->flags & PACKET_ICMP;

	if (packet->is_ip6)
		return is_error ? rewrite_error6(run, to) : rewrite6(run, packet, to, false);
	return is_error ? rewrite_error4(run, to[0]) : rewrite4(run, packet, to[0], false);
}

/* send_rewritten - to the real, on this segment or behind the gateway. */
static __always_inline int send_rewritten(const struct lb_run *run, const struct lb_packet *packet,
					  const struct lb_real *real)
{
	struct lb_link *link = packet_at(run, 0);
	bool is_ip6 = real->flags & LB_REAL_IP6;

	if (is_ip6 != packet->is_ip6)
		return LB_MIXED_FAMILY;
	if ((void *)link + LINK_LEN > packet_end(run))
		return LB_BAD_HEADER;
	turn_link(link, get_mac(run, real));
	if (!rewrite_dest(run, packet, (const __u32 *)real->addr))
		return LB_BAD_HEADER;
	return is_ip6 ? LB_SENT6 : LB_SENT4;
}

static __always_inline const __u32 *find_return4(const struct lb_packet *packet)
{
	struct lb_return4_key key = {
		.addr = packet->src[0],
		.port = packet->sport,
		.proto = packet->proto,
	};
	const __u32 *vip = bpf_map_lookup_elem(&lb_returns4, &key);

	if (vip)
		return vip;
	key.port = 0;
	return bpf_map_lookup_elem(&lb_returns4, &key);
}

static __always_inline const struct lb_address *find_return6(const struct lb_packet *packet)
{
	struct lb_return6_key key = { .port = packet->sport, .proto = packet->proto };
	const struct lb_address *vip;

	__builtin_memcpy(key.addr, packet->src, sizeof(key.addr));
	vip = bpf_map_lookup_elem(&lb_returns6, &key);
	if (vip)
		return vip;
	key.port = 0;
	return bpf_map_lookup_elem(&lb_returns6, &key);
}

/* What a real answers to this host itself: its health checks ask reals, and people do. */
static __always_inline bool is_to_host(const struct lb_run *run, const struct lb_packet *packet)
{
	const __u32 *own4 = (const __u32 *)run->control->source4;
	const __u32 *own6 = (const __u32 *)run->control->source6;
	const __u32 *dst = packet->dst;

	if (!packet->is_ip6)
		return dst[0] == *own4;
	return dst[0] == own6[0] && dst[1] == own6[1] && dst[2] == own6[2] && dst[3] == own6[3];
}

static __always_inline bool rewrite_source(const struct lb_run *run, const struct lb_packet *packet)
{
	const struct lb_address *vip6;
	const __u32 *vip4;

	if (packet->is_ip6) {
		vip6 = find_return6(packet);
		return vip6 && !is_to_host(run, packet) &&
		       rewrite6(run, packet, (const __u32 *)vip6->addr, true);
	}
	vip4 = find_return4(packet);
	return vip4 && !is_to_host(run, packet) && rewrite4(run, packet, *vip4, true);
}

/* send_return - a real's answer on its way to the client, or LB_GO_ON for all else. */
static __always_inline int send_return(const struct lb_run *run, const struct lb_packet *packet)
{
	struct lb_link *link = packet_at(run, 0);

	if (!(run->control->flags & LB_HAS_RETURNS) || packet->flags & PACKET_ICMP)
		return LB_GO_ON;
	if ((void *)link + LINK_LEN > packet_end(run) || !rewrite_source(run, packet))
		return LB_GO_ON;
	turn_link(link, get_gateway(run));
	count_long(run);
	return LB_RETURNED;
}

#endif
