/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fw_egress: writes down the flows that the host begins, so that the firewall knows their
 * replies. At TC egress, of Ethernet interfaces; it changes no packet and drops none.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/fw_egress/fw_egress_abi.h"
#include "bpf/fw_flow_abi.h"
#include "bpf/manifest.h"

SLOT_NAME("fw_egress");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("tc-egress");
SLOT_MAP_ABI(1);

#define IP4_OFFSET 0x1fff
#define IP6_OFFSET 0xfff8
#define ICMP4_ECHO 8
#define ICMP4_ECHO_REPLY 0
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129
/* IPv6 extension headers that are looked behind; hosts send one or two. */
#define EXTENSIONS_MAX 4
/* A flow's time is written at most so often. */
#define REFRESH_NS 1000000000ULL

const volatile struct fw_egress_config fw_egress_config = { .flows_max = FW_FLOWS_DEFAULT };

/* Written here, read by the firewall, which finds it by a map of its own (fw_replies). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FW_FLOWS_DEFAULT);
	__type(key, struct fw_flow);
	__type(value, __u64);
} fw_flows SEC(".maps") SLOT_ENTRIES("flows_max");

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FW_EGRESS_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} fw_flow_counts SEC(".maps");

struct extension {
	__u8 next;
	__u8 len;
	__be16 fragment;
	__be32 rest;
};

#define READ 0
#define STOP(counter) (-1 - (int)(counter))

static __always_inline int read_ports(struct __sk_buff *skb, __u32 offset, struct fw_flow *flow)
{
	__be16 ports[2]; /* source and destination */

	if (bpf_skb_load_bytes(skb, offset, ports, sizeof(ports)))
		return STOP(FW_EGRESS_UNREAD);
	flow->ports = (__u32)bpf_ntohs(ports[1]) << 16 | bpf_ntohs(ports[0]);
	return READ;
}

static __always_inline int read_echo(struct __sk_buff *skb, __u32 offset, struct fw_flow *flow)
{
	__u8 type;

	if (bpf_skb_load_bytes(skb, offset, &type, sizeof(type)))
		return STOP(FW_EGRESS_UNREAD);
	if (type != (flow->is_ip6 ? ICMP6_ECHO : ICMP4_ECHO))
		return STOP(FW_EGRESS_NONE);
	flow->ports = (flow->is_ip6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY) << 8;
	return READ;
}

static __always_inline int read_transport(struct __sk_buff *skb, __u32 offset, struct fw_flow *flow)
{
	if (flow->proto == IPPROTO_TCP || flow->proto == IPPROTO_UDP)
		return read_ports(skb, offset, flow);
	if (flow->proto == (flow->is_ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return read_echo(skb, offset, flow);
	return READ;
}

static __always_inline int read_ip4(struct __sk_buff *skb, struct fw_flow *flow)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.ihl < 5)
		return STOP(FW_EGRESS_UNREAD);
	if (bpf_ntohs(ip.frag_off) & IP4_OFFSET)
		return STOP(FW_EGRESS_NONE);
	flow->addr[0] = (__u64)bpf_ntohl(ip.daddr) << 32 | bpf_ntohl(ip.saddr);
	flow->proto = ip.protocol;
	return read_transport(skb, ETH_HLEN + ip.ihl * 4, flow);
}

static __always_inline __u64 get_word(const struct in6_addr *addr, int word)
{
	return (__u64)bpf_ntohl(addr->s6_addr32[word * 2]) << 32 |
	       bpf_ntohl(addr->s6_addr32[word * 2 + 1]);
}

static __always_inline bool is_extension(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_DSTOPTS;
}

static __always_inline int read_ip6(struct __sk_buff *skb, struct fw_flow *flow)
{
	__u32 offset = ETH_HLEN + sizeof(struct ipv6hdr);
	struct extension extension;
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return STOP(FW_EGRESS_UNREAD);
	for (int i = 0; i < 2; i++) {
		flow->addr[i] = get_word(&ip.daddr, i);
		flow->addr[2 + i] = get_word(&ip.saddr, i);
	}
	flow->is_ip6 = 1;
	flow->proto = ip.nexthdr;
	for (int i = 0; i < EXTENSIONS_MAX && is_extension(flow->proto); i++) {
		if (bpf_skb_load_bytes(skb, offset, &extension, sizeof(extension)))
			return STOP(FW_EGRESS_UNREAD);
		if (flow->proto == IPPROTO_FRAGMENT && bpf_ntohs(extension.fragment) & IP6_OFFSET)
			return STOP(FW_EGRESS_NONE);
		offset += flow->proto == IPPROTO_FRAGMENT ? 8 : (extension.len + 1) * 8;
		flow->proto = extension.next;
	}
	return is_extension(flow->proto) ? STOP(FW_EGRESS_UNREAD) :
					   read_transport(skb, offset, flow);
}

static __always_inline int read_flow(struct __sk_buff *skb, struct fw_flow *flow)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return read_ip4(skb, flow);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return read_ip6(skb, flow);
	return STOP(FW_EGRESS_NOT_IP);
}

static __always_inline enum fw_egress_counter note_flow(const struct fw_flow *flow)
{
	__u64 now = bpf_ktime_get_ns(), *seen = bpf_map_lookup_elem(&fw_flows, flow);

	if (!seen) {
		bpf_map_update_elem(&fw_flows, flow, &now, BPF_ANY);
		return FW_EGRESS_NEW;
	}
	if (now - *seen > REFRESH_NS)
		*seen = now;
	return FW_EGRESS_KNOWN;
}

SEC("tc")
int fw_egress(struct __sk_buff *skb)
{
	struct fw_flow flow = {};
	int err = read_flow(skb, &flow);

	count_packet(&fw_flow_counts, err ? -1 - err : note_flow(&flow), skb->len);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
