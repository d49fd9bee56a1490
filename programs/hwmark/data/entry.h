/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a packet is what its mark's entry says. Functions return enum hwmark_counter, the
 * reason why it is not, or LB_GO_ON where nothing stands against it.
 */
#ifndef HWMARK_DATA_ENTRY_H
#define HWMARK_DATA_ENTRY_H

#include <stdbool.h>

#include "programs/hwmark/data/maps.h"
#include "programs/lb/data/packet.h"

/* The entry's ports as the first word of a TCP or UDP header. */
static __always_inline __u32 entry_ports(const struct hwmark_entry *entry)
{
	return *(const __u32 *)&entry->sport;
}

/* Of the ports' word the destination, on hosts that are little-endian (bpf/verifier.h). */
#define DPORT_SHIFT 16

static __always_inline bool is_same_address(const __u32 *a, const __u32 *b)
{
	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]));
}

/* The transport header, whose first word are the ports. */
static __always_inline int check_ports(const struct hwmark_entry *entry, __u32 ports)
{
	if (hwmark_config.mode == HWMARK_FLOW)
		return ports == entry_ports(entry) ? LB_GO_ON : HWMARK_OTHER_FLOW;
	if (entry->dport && entry->dport != ports >> DPORT_SHIFT)
		return HWMARK_OTHER_VIP;
	return LB_GO_ON;
}

/*
 * A client that breaks off, or begins anew with the same port, which the load balancer may place
 * elsewhere: the flow that the entry was of is over. Whoever owns the entry frees it when the rule is gone.
 */
static __always_inline void end_flow(const struct hwmark_entry *entry, __u32 ports)
{
	if (hwmark_config.mode == HWMARK_FLOW && ports == entry_ports(entry))
		((struct hwmark_entry *)entry)->generation = 0;
}

static __always_inline int check_tcp(const struct hwmark_entry *entry, const struct tcphdr *tcp,
				     const void *end, struct lb_packet *packet)
{
	if ((const void *)(tcp + 1) > end)
		return HWMARK_CUT;
	if (tcp->syn || tcp->rst) {
		end_flow(entry, *(const __u32 *)tcp);
		return HWMARK_SYN;
	}
	packet->flags = PACKET_CHECK;
	packet->outer_sport = tcp->source;
	return check_ports(entry, *(const __u32 *)tcp);
}

static __always_inline int check_udp(const struct hwmark_entry *entry, const struct udphdr *udp,
				     const void *end, struct lb_packet *packet)
{
	if ((const void *)(udp + 1) > end)
		return HWMARK_CUT;
	packet->flags = udp->check ? PACKET_UDP | PACKET_CHECK : PACKET_UDP;
	packet->outer_sport = udp->source;
	return check_ports(entry, *(const __u32 *)udp);
}

static __always_inline int check_transport(const struct hwmark_entry *entry, const void *header,
					   const void *end, struct lb_packet *packet)
{
	if (packet->proto != entry->proto)
		return HWMARK_OTHER_VIP;
	if (packet->proto == IPPROTO_TCP)
		return check_tcp(entry, header, end, packet);
	if (packet->proto == IPPROTO_UDP)
		return check_udp(entry, header, end, packet);
	return HWMARK_OTHER_VIP;
}

static __always_inline int check_ip4(const struct hwmark_entry *entry, const struct iphdr *ip,
				     const void *end, struct lb_packet *packet)
{
	if ((const void *)(ip + 1) > end)
		return HWMARK_CUT;
	if (ip->ihl != sizeof(*ip) / 4)
		return HWMARK_OPTIONS;
	if (ip->frag_off & bpf_htons(IP4_FRAGMENT))
		return HWMARK_FRAGMENT;
	if (entry->is_ip6 || ip->daddr != entry->dst[0])
		return HWMARK_OTHER_VIP;
	if (hwmark_config.mode == HWMARK_FLOW && ip->saddr != entry->src[0])
		return HWMARK_OTHER_FLOW;
	packet->client = ip->saddr;
	packet->bytes = bpf_ntohs(ip->tot_len);
	packet->proto = ip->protocol;
	packet->tos = ip->tos;
	return check_transport(entry, ip + 1, end, packet);
}

static __always_inline int check_ip6(const struct hwmark_entry *entry, const struct ipv6hdr *ip,
				     const void *end, struct lb_packet *packet)
{
	if ((const void *)(ip + 1) > end)
		return HWMARK_CUT;
	if (ip->nexthdr == IPPROTO_FRAGMENT)
		return HWMARK_FRAGMENT;
	if (!entry->is_ip6 || !is_same_address(ip->daddr.in6_u.u6_addr32, entry->dst))
		return HWMARK_OTHER_VIP;
	if (hwmark_config.mode == HWMARK_FLOW &&
	    !is_same_address(ip->saddr.in6_u.u6_addr32, entry->src))
		return HWMARK_OTHER_FLOW;
	packet->client = ip->saddr.in6_u.u6_addr32[3];
	packet->bytes = bpf_ntohs(ip->payload_len);
	packet->proto = ip->nexthdr;
	packet->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	packet->is_ip6 = true;
	return check_transport(entry, ip + 1, end, packet);
}

#endif
