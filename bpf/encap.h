/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Outer headers of tunnels: IP in IP (RFC 2003, RFC 2473) and GUE variant 1
 * (draft-ietf-intarea-gue: behind UDP the inner IP header follows at once).
 *
 * Headers are built into structs of their own; whoever has a packet makes the room
 * and copies them in. Addresses, ports and the sources derived from them are those
 * that Katran uses, so that hosts of both kinds look the same to a real.
 */
#ifndef SLOT_BPF_ENCAP_H
#define SLOT_BPF_ENCAP_H

#include <stdbool.h>

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/csum.h"

#define ENCAP_TTL 64
/* 172.16.0.0, of which the last two bytes are made from the client. */
#define ENCAP_SOURCE4 bpf_htonl(0xac100000)
/* 100::/64 (RFC 6666), of which the last four bytes are. */
#define ENCAP_SOURCE6 bpf_htonl(0x01000000)

/* What outer headers are made of. Addresses as they stand in packets; IPv4: the first word. */
struct encap {
	__u32 source[4];
	__u32 dest[4];
	__u32 len;    /* bytes of the inner packet, its IP header included */
	__u8 tos;     /* or traffic class, of the inner header */
	__u8 proto;   /* IPPROTO_IPIP, IPPROTO_IPV6 or IPPROTO_UDP */
	__be16 sport; /* of UDP */
	__be16 dport;
	__u16 inner_sum; /* of encap_sum4() or encap_sum6(), for UDP over IPv6 */
	bool has_inner_sum;
};

struct encap_gue4 {
	struct iphdr ip;
	struct udphdr udp;
};

struct encap_gue6 {
	struct ipv6hdr ip;
	struct udphdr udp;
};

/* encap_source4 - the outer source for an IPv4 client (network byte order) and its port. */
static __always_inline __u32 encap_source4(__u32 client, __be16 sport)
{
	return ENCAP_SOURCE4 |
	       ((client ^ bpf_htonl(__builtin_bswap16(bpf_ntohs(sport)))) & bpf_htonl(0xffff));
}

/* encap_source6 - the same over IPv6; @client is the last word of the client's address. */
static __always_inline void encap_source6(__u32 client, __be16 sport, __u32 ret_source[4])
{
	ret_source[0] = ENCAP_SOURCE6;
	ret_source[1] = 0;
	ret_source[2] = 0;
	ret_source[3] = client ^ bpf_htonl((__u32)bpf_ntohs(sport) << 16);
}

/*
 * encap_gue_port - the UDP source port, from which routers spread flows. @client is
 * an IPv4 client's address, or the last word of an IPv6 client's. Over IPv4 the bytes
 * of the client's port change places first, as in encap_source4().
 */
static __always_inline __be16 encap_gue_port(__u32 client, bool client_is_ip6, bool outer_is_ip6,
					     __be16 sport)
{
	__u32 word = bpf_ntohl(client);
	__u16 port = bpf_ntohs(sport);

	if (!outer_is_ip6)
		port = __builtin_bswap16(port);
	return bpf_htons(port ^ (client_is_ip6 ? word >> 16 : word));
}

/*
 * Word by word and not in a loop: clang 16 else keeps the structs that words are
 * taken from in memory, and takes their addresses in ways that the verifier refuses.
 */
static __always_inline void encap_copy_address(const __u32 from[4], __u32 ret_to[4])
{
	ret_to[0] = from[0];
	ret_to[1] = from[1];
	ret_to[2] = from[2];
	ret_to[3] = from[3];
}

static __always_inline __u64 encap_add_address(const __u32 words[4])
{
	return (__u64)words[0] + words[1] + words[2] + words[3];
}

/*
 * encap_sum4 - the inner packet's part of an outer checksum, without a look at the
 * payload: a right transport checksum makes the transport part's sum the complement of
 * its pseudo header's (RFC 1624), and what stands in both headers cancels out. For
 * TCP, UDP with a checksum, and ICMP, behind a header without options.
 */
static __always_inline void encap_sum4(const struct iphdr *ip, struct encap *encap)
{
	__u64 pseudo =
		(__u32)bpf_htons(ip->protocol) + bpf_htons(bpf_ntohs(ip->tot_len) - sizeof(*ip));
	const __u32 *words = (const __u32 *)ip;

	/* ICMP has no pseudo header: nothing cancels out. */
	if (ip->protocol == IPPROTO_ICMP)
		encap->inner_sum = ~csum_fold64(encap_add_address(words) + words[4]);
	else
		encap->inner_sum =
			~csum_fold64(csum_fold64(pseudo) + (__u64)words[0] + words[1] + words[2]);
	encap->has_inner_sum = true;
}

/* encap_sum6 - the same of an IPv6 packet without extension headers; ICMPv6 too. */
static __always_inline void encap_sum6(const struct ipv6hdr *ip, struct encap *encap)
{
	__u64 pseudo = (__u32)bpf_htons(ip->nexthdr) + ip->payload_len;
	const __u32 *words = (const __u32 *)ip;

	encap->inner_sum = ~csum_fold64(csum_fold64(pseudo) + (__u64)words[0] + words[1]);
	encap->has_inner_sum = true;
}

/* encap_build4 - an IPv4 header without options in front of @len bytes; id 0, may be fragmented. */
static __always_inline void encap_build4(const struct encap *encap, __u32 len, struct iphdr *ret_ip)
{
	__u32 total = len + sizeof(*ret_ip);
	__u64 sum;

	ret_ip->version = 4;
	ret_ip->ihl = sizeof(*ret_ip) / 4;
	ret_ip->tos = encap->tos;
	ret_ip->tot_len = bpf_htons(total);
	ret_ip->id = 0;
	ret_ip->frag_off = 0;
	ret_ip->ttl = ENCAP_TTL;
	ret_ip->protocol = encap->proto;
	ret_ip->saddr = encap->source[0];
	ret_ip->daddr = encap->dest[0];

	sum = bpf_htons(0x4500 | encap->tos) + bpf_htons(total);
	sum += bpf_htons(ENCAP_TTL << 8 | encap->proto);
	sum += (__u64)encap->source[0] + encap->dest[0];
	ret_ip->check = csum_fold64(sum);
}

/* encap_build6 - an IPv6 header in front of @len bytes; flow label 0. */
static __always_inline void encap_build6(const struct encap *encap, __u32 len,
					 struct ipv6hdr *ret_ip)
{
	*(__be32 *)ret_ip = bpf_htonl(6U << 28 | (__u32)encap->tos << 20);
	ret_ip->payload_len = bpf_htons(len);
	ret_ip->nexthdr = encap->proto;
	ret_ip->hop_limit = ENCAP_TTL;
	encap_copy_address(encap->source, ret_ip->saddr.in6_u.u6_addr32);
	encap_copy_address(encap->dest, ret_ip->daddr.in6_u.u6_addr32);
}

static __always_inline void encap_build_udp(const struct encap *encap, struct udphdr *ret_udp)
{
	ret_udp->source = encap->sport;
	ret_udp->dest = encap->dport;
	ret_udp->len = bpf_htons(encap->len + sizeof(*ret_udp));
	ret_udp->check = 0;
}

/* encap_build_gue4 - UDP over IPv4, without a checksum. */
static __always_inline void encap_build_gue4(const struct encap *encap, struct encap_gue4 *ret_gue)
{
	encap_build4(encap, encap->len + sizeof(ret_gue->udp), &ret_gue->ip);
	encap_build_udp(encap, &ret_gue->udp);
}

/*
 * encap_build_gue6 - UDP over IPv6, with the checksum that encap_sum4() and encap_sum6()
 * make possible; where there was nothing to go by, without one (RFC 6935).
 */
static __always_inline void encap_build_gue6(const struct encap *encap, struct encap_gue6 *ret_gue)
{
	__u32 udp_len = encap->len + sizeof(ret_gue->udp);
	__u64 sum = encap->inner_sum;

	encap_build6(encap, udp_len, &ret_gue->ip);
	encap_build_udp(encap, &ret_gue->udp);
	if (!encap->has_inner_sum)
		return;
	sum += encap_add_address(encap->source) + encap_add_address(encap->dest);
	/* The length is covered twice: by the pseudo header and by the UDP header. */
	sum += bpf_htons(IPPROTO_UDP) + 2 * (__u32)bpf_htons(udp_len);
	sum += (__u32)encap->sport + encap->dport;
	ret_gue->udp.check = csum_fold64(sum);
}

#endif
