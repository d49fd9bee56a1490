/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the load balancer reads of a packet, from the Ethernet header to the ports.
 *
 * Functions here and in the other parts return enum lb_counter, the end of the
 * packet's way, or LB_GO_ON.
 */
#ifndef LB_DATA_PACKET_H
#define LB_DATA_PACKET_H

#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "bpf/encap.h"
#include "bpf/verifier.h"
#include "programs/lb/data/send_maps.h"

#define LB_GO_ON (-1)

/* No transport header begins further in than this, a quoted one's neither. */
#define PACKET_OFFSET_MASK 0xff

#define IP4_DONT_FRAGMENT 0x4000
#define IP4_FRAGMENT 0x3fff /* more follow, or an offset */
#define IP4_OFFSET 0x1fff

struct lb_known;

/* What every part needs beside the packet. */
struct lb_run {
	struct xdp_md *ctx;
	const struct lb_control *control;
	const volatile __u16
		*mtu; /* of the program's settings: of the way to the reals, bytes of IP */
	__u64 *count; /* LB_COUNTERS of this CPU */
	struct lb_clock *clock;
	struct lb_known *known;
	__u64 stamp;	  /* what is known of VIPs and ids counts if it has the same one */
	__u32 generation; /* of the control plane's changes */
	__u64 zero;	  /* what join() is made with */
};

enum packet_flag {
	PACKET_UDP = 1 << 0, /* else TCP */
	PACKET_SYN = 1 << 1,
	PACKET_RST = 1 << 2,
	PACKET_ICMP = 1 << 3,  /* an error: the tuple is that of the packet in it, reversed */
	PACKET_CHECK = 1 << 4, /* the transport header has a checksum */
};

struct lb_packet {
	__u32 src[4]; /* the client's; IPv4: the first word, the others are 0 */
	__u32 dst[4]; /* the VIP's */
	__u32 client; /* the last word of the client's address, from which outer headers are made */
	__be16 sport; /* as ring and flow table see them: flags of the VIP change them */
	__be16 dport;
	__be16 outer_sport; /* as outer headers are made from it */
	__u16 bytes;	    /* as counted: see enum lb_counter */
	__u16 offset;	    /* of the transport header, from the frame's first byte */
	__u8 proto;	    /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 tos;
	bool is_ip6;
	__u32 flags; /* enum packet_flag */
};

/*
 * join - @word, of which the verifier knows nothing any more. Where ways meet that
 * differ in what they know, it would walk all that follows once for each of them.
 */
static __always_inline __u32 join(const struct lb_run *run, __u32 word)
{
	return verifier_mix(word, run->zero);
}

/*
 * read_clock - CLOCK_MONOTONIC as of the last tick, ns. It is read once a tick and CPU,
 * which is when it changes: a call of the kernel costs as much as half a packet, while the
 * number of the tick is a load.
 */
static __always_inline __u64 read_clock(const struct lb_run *run)
{
	__u64 tick = bpf_jiffies64();

	if (run->clock->tick != tick) {
		run->clock->now = bpf_ktime_get_coarse_ns();
		run->clock->tick = tick;
	}
	return run->clock->now;
}

/*
 * start_look_up - what is looked up from here on is no older than the run's generation,
 * which was read before: CPUs other than x86's may read in another order, and an atomic
 * exchange is a barrier to all of them. @word, this CPU's own, stays what it is.
 */
static __always_inline void start_look_up(__u64 *word)
{
	__sync_lock_test_and_set(word, *word);
}

static __always_inline void *packet_end(const struct lb_run *run)
{
	return (void *)(long)run->ctx->data_end;
}

static __always_inline void *packet_at(const struct lb_run *run, __u32 offset)
{
	return (void *)(long)run->ctx->data + offset;
}

static __always_inline void set_ports(struct lb_packet *packet, __be16 source, __be16 dest)
{
	bool is_reversed = packet->flags & PACKET_ICMP;

	packet->sport = is_reversed ? dest : source;
	packet->dport = is_reversed ? source : dest;
}

/* Of a packet that an ICMP error quotes there may be no more than 8 bytes (RFC 792). */
static __always_inline int read_quoted(const struct lb_run *run, struct lb_packet *packet)
{
	struct udphdr *ports = packet_at(run, packet->offset);

	if ((void *)(ports + 1) > packet_end(run))
		return LB_BAD_HEADER;
	set_ports(packet, ports->source, ports->dest);
	packet->flags |= PACKET_CHECK; /* ICMP's own */
	return LB_GO_ON;
}

static __always_inline int read_tcp(const struct lb_run *run, struct lb_packet *packet)
{
	struct tcphdr *tcp = packet_at(run, packet->offset);

	if ((void *)(tcp + 1) > packet_end(run))
		return LB_BAD_HEADER;
	packet->flags |= PACKET_CHECK;
	if (tcp->syn)
		packet->flags |= PACKET_SYN;
	if (tcp->rst)
		packet->flags |= PACKET_RST;
	set_ports(packet, tcp->source, tcp->dest);
	return LB_GO_ON;
}

static __always_inline int read_udp(const struct lb_run *run, struct lb_packet *packet)
{
	struct udphdr *udp = packet_at(run, packet->offset);

	if ((void *)(udp + 1) > packet_end(run))
		return LB_BAD_HEADER;
	if (udp->check)
		packet->flags |= PACKET_CHECK;
	set_ports(packet, udp->source, udp->dest);
	return LB_GO_ON;
}

static __always_inline int read_ports(const struct lb_run *run, struct lb_packet *packet)
{
	if (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP)
		return LB_NOT_BALANCED;
	if (packet->proto == IPPROTO_UDP)
		packet->flags |= PACKET_UDP;
	if (packet->flags & PACKET_ICMP)
		return read_quoted(run, packet);
	return packet->proto == IPPROTO_TCP ? read_tcp(run, packet) : read_udp(run, packet);
}

static __always_inline int read_transport(const struct lb_run *run, struct lb_packet *packet)
{
	int ret = read_ports(run, packet);

	packet->flags = join(run, packet->flags);
	packet->proto = join(run, packet->proto);
	packet->offset = join(run, packet->offset) & PACKET_OFFSET_MASK;
	return ret;
}

static __always_inline int read_ip4(const struct lb_run *run, struct lb_packet *packet)
{
	struct iphdr *ip = packet_at(run, ETH_HLEN);

	if ((void *)(ip + 1) > packet_end(run))
		return LB_BAD_HEADER;
	if (ip->ihl != sizeof(*ip) / 4)
		return LB_OPTIONS;
	if (ip->frag_off & bpf_htons(IP4_FRAGMENT))
		return LB_FRAGMENT;
	packet->src[0] = ip->saddr;
	packet->client = ip->saddr;
	packet->dst[0] = ip->daddr;
	packet->bytes = bpf_ntohs(ip->tot_len);
	packet->offset = ETH_HLEN + sizeof(*ip);
	packet->proto = ip->protocol;
	packet->tos = ip->tos;
	return LB_GO_ON;
}

static __always_inline int read_ip6(const struct lb_run *run, struct lb_packet *packet)
{
	struct ipv6hdr *ip = packet_at(run, ETH_HLEN);

	if ((void *)(ip + 1) > packet_end(run))
		return LB_BAD_HEADER;
	if (ip->nexthdr == IPPROTO_FRAGMENT)
		return LB_FRAGMENT;
	encap_copy_address(ip->saddr.in6_u.u6_addr32, packet->src);
	encap_copy_address(ip->daddr.in6_u.u6_addr32, packet->dst);
	packet->client = packet->src[3];
	packet->bytes = bpf_ntohs(ip->payload_len);
	packet->offset = ETH_HLEN + sizeof(*ip);
	packet->proto = ip->nexthdr;
	packet->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	packet->is_ip6 = true;
	return LB_GO_ON;
}

#endif
