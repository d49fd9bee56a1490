/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lb_hc: sends probes of health checks to one real, in the way that the load
 * balancer sends clients' packets to it.
 *
 * A probe is a packet to a VIP whose mark (SO_MARK) stands for a real. It leaves in
 * a tunnel, without its mark, so that it does not come here again. At TC egress,
 * of Ethernet interfaces.
 */
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/encap.h"
#include "bpf/lb_hc/lb_hc_abi.h"
#include "bpf/manifest.h"

SLOT_NAME("lb_hc");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("tc-egress");
SLOT_MAP_ABI(1);

#define IP4_FRAGMENT 0x3fff /* more follow, or an offset */
#define GO_ON (-1)

/* Written by the control plane, read here for packets with a mark. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_HC_REALS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct lb_hc_real);
} lb_hc_reals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct lb_hc_control);
} lb_hc_control SEC(".maps");

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_HC_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} lb_hc_counts SEC(".maps");

/* A probe, and what its outer headers are made of. */
struct probe {
	struct __sk_buff *skb;
	const struct lb_hc_real *real;
	const struct lb_hc_control *control;
	__u32 client; /* the last word of its source address */
	__be16 sport;
	bool is_ip6;
	struct encap encap;
};

/*
 * Ports, and whether there is a transport checksum that an outer one can go by. The
 * one in the packet may still be a sum of the pseudo header, for the device to
 * complete; what goes onto the wire counts.
 */
static __always_inline void read_transport(struct probe *probe, __u32 offset, __u8 proto)
{
	struct udphdr udp = {};

	probe->encap.has_inner_sum = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return;
	if (bpf_skb_load_bytes(probe->skb, offset, &udp, sizeof(udp)))
		return;
	probe->sport = udp.source;
	probe->encap.has_inner_sum = proto == IPPROTO_TCP || udp.check;
}

static __always_inline int read_ip4(struct probe *probe)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(probe->skb, ETH_HLEN, &ip, sizeof(ip)) || ip.version != 4)
		return LB_HC_BAD_HEADER;
	probe->encap.tos = ip.tos;
	probe->client = ip.saddr;
	encap_sum4(&ip, &probe->encap);
	probe->encap.has_inner_sum = false;
	if (!(ip.frag_off & bpf_htons(IP4_FRAGMENT)) && ip.ihl == sizeof(ip) / 4)
		read_transport(probe, ETH_HLEN + sizeof(ip), ip.protocol);
	return GO_ON;
}

static __always_inline int read_ip6(struct probe *probe)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(probe->skb, ETH_HLEN, &ip, sizeof(ip)) || ip.version != 6)
		return LB_HC_BAD_HEADER;
	probe->is_ip6 = true;
	probe->encap.tos = ip.priority << 4 | ip.flow_lbl[0] >> 4;
	probe->client = ip.saddr.in6_u.u6_addr32[3];
	encap_sum6(&ip, &probe->encap);
	probe->encap.has_inner_sum = false;
	read_transport(probe, ETH_HLEN + sizeof(ip), ip.nexthdr);
	return GO_ON;
}

static __always_inline int read_probe(struct probe *probe)
{
	probe->encap.len = probe->skb->len - ETH_HLEN;
	if (probe->skb->protocol == bpf_htons(ETH_P_IP))
		return read_ip4(probe);
	if (probe->skb->protocol == bpf_htons(ETH_P_IPV6))
		return read_ip6(probe);
	return LB_HC_BAD_HEADER;
}

static __always_inline bool has_mac(const __u8 mac[6])
{
	return mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5];
}

/* Both addresses, where something else is asked for than what the host chose. */
static __always_inline int write_link(const struct probe *probe, const __u8 *dest, __be16 proto)
{
	struct ethhdr eth;

	if (bpf_skb_load_bytes(probe->skb, 0, &eth, sizeof(eth)))
		return LB_HC_BAD_HEADER;
	if (has_mac(dest))
		__builtin_memcpy(eth.h_dest, dest, ETH_ALEN);
	if (has_mac(probe->control->mac))
		__builtin_memcpy(eth.h_source, probe->control->mac, ETH_ALEN);
	eth.h_proto = proto;
	return bpf_skb_store_bytes(probe->skb, 0, &eth, sizeof(eth), 0) ? LB_HC_REFUSED : GO_ON;
}

/* Makes room behind the Ethernet header and puts the @len bytes at @outer there. */
static __always_inline int push_outer(const struct probe *probe, const void *outer, __u32 len,
				      __u64 flags)
{
	bool is_ip6 = flags & BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	__u32 mtu = 0;

	if (probe->skb->gso_size ||
	    bpf_check_mtu(probe->skb, probe->control->ifindex, &mtu, len, 0) > 0)
		return LB_HC_TOO_BIG;
	if (bpf_skb_adjust_room(probe->skb, len, BPF_ADJ_ROOM_MAC, flags) ||
	    bpf_skb_store_bytes(probe->skb, ETH_HLEN, outer, len, 0))
		return LB_HC_REFUSED;
	return write_link(probe, probe->control->gateway,
			  bpf_htons(is_ip6 ? ETH_P_IPV6 : ETH_P_IP));
}

static __always_inline int send_ipip4(struct probe *probe)
{
	struct iphdr outer;
	int ret;

	probe->encap.proto = IPPROTO_IPIP;
	encap_build4(&probe->encap, probe->encap.len, &outer);
	ret = push_outer(probe, &outer, sizeof(outer), BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);
	return ret == GO_ON ? LB_HC_SENT_IPIP4 : ret;
}

static __always_inline int send_ipip6(struct probe *probe)
{
	struct ipv6hdr outer;
	int ret;

	probe->encap.proto = probe->is_ip6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	encap_build6(&probe->encap, probe->encap.len, &outer);
	ret = push_outer(probe, &outer, sizeof(outer), BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);
	return ret == GO_ON ? LB_HC_SENT_IPIP6 : ret;
}

static __always_inline int send_gue4(struct probe *probe)
{
	struct encap_gue4 outer;
	int ret;

	encap_build_gue4(&probe->encap, &outer);
	ret = push_outer(probe, &outer, sizeof(outer),
			 BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP);
	return ret == GO_ON ? LB_HC_SENT_GUE4 : ret;
}

static __always_inline int send_gue6(struct probe *probe)
{
	struct encap_gue6 outer;
	int ret;

	encap_build_gue6(&probe->encap, &outer);
	ret = push_outer(probe, &outer, sizeof(outer),
			 BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP);
	return ret == GO_ON ? LB_HC_SENT_GUE6 : ret;
}

static __always_inline int send_l2(const struct probe *probe)
{
	int ret = write_link(probe, probe->real->mac, probe->skb->protocol);

	return ret == GO_ON ? LB_HC_SENT_L2 : ret;
}

/* False: none is set for the family of the outer header. */
static __always_inline bool set_addresses(struct probe *probe)
{
	const struct lb_hc_control *control = probe->control;
	struct encap *encap = &probe->encap;

	__builtin_memcpy(encap->dest, probe->real->addr, sizeof(encap->dest));
	if (probe->real->is_ip6)
		__builtin_memcpy(encap->source, control->source6, sizeof(encap->source));
	else
		__builtin_memcpy(encap->source, control->source4, sizeof(control->source4));
	return encap_add_address(encap->source);
}

static __always_inline int send_tunnel(struct probe *probe)
{
	bool is_ip6 = probe->real->is_ip6;

	if (!set_addresses(probe))
		return LB_HC_NO_SOURCE;
	if (probe->is_ip6 && !is_ip6)
		return LB_HC_MIXED_FAMILY;
	if (probe->real->encap == LB_HC_IPIP)
		return is_ip6 ? send_ipip6(probe) : send_ipip4(probe);

	probe->encap.proto = IPPROTO_UDP;
	probe->encap.dport = probe->control->gue_port;
	probe->encap.sport = encap_gue_port(probe->client, probe->is_ip6, is_ip6, probe->sport);
	return is_ip6 ? send_gue6(probe) : send_gue4(probe);
}

/* Returns enum lb_hc_counter. */
static __always_inline int handle(struct probe *probe)
{
	__u32 mark = probe->skb->mark, zero = 0;
	int ret;

	probe->real = bpf_map_lookup_elem(&lb_hc_reals, &mark);
	if (!probe->real)
		return LB_HC_NO_REAL;
	probe->control = bpf_map_lookup_elem(&lb_hc_control, &zero);
	if (!probe->control)
		return LB_HC_NO_SOURCE;
	ret = read_probe(probe);
	if (ret != GO_ON)
		return ret;
	return probe->real->encap == LB_HC_L2 ? send_l2(probe) : send_tunnel(probe);
}

SEC("tc")
int lb_hc(struct __sk_buff *skb)
{
	struct probe probe = { .skb = skb };
	__u32 bytes = skb->len;
	int ret;

	if (!skb->mark)
		return TC_ACT_UNSPEC;
	ret = handle(&probe);
	count_packet(&lb_hc_counts, ret, bytes);
	if (ret == LB_HC_NO_REAL)
		return TC_ACT_UNSPEC;
	if (ret >= LB_HC_FIRST_DROP || !probe.control)
		return TC_ACT_SHOT;
	skb->mark = 0;
	return bpf_redirect(probe.control->ifindex ?: skb->ifindex, 0);
}

char LICENSE[] SEC("license") = "GPL";
