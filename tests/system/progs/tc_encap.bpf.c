/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sending end of a tunnel that keeps segmentation for later: at TC egress, TCP to
 * 198.51.100.80 goes to the edge, 192.0.2.1, in IP in IP, or in GUE where its port is 9001.
 * As a tunnel device does with a sender's large packets.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/encap.h"

#define VIP bpf_htonl(0xc6336450)    /* 198.51.100.80 */
#define EDGE bpf_htonl(0xc0000201)   /* 192.0.2.1 */
#define CLIENT bpf_htonl(0xc0000202) /* 192.0.2.2 */
#define GUE_PORT 6080
#define PORT_OF_GUE 9001

static __always_inline int put_in(struct __sk_buff *skb, const void *outer, __u32 len, __u64 flags)
{
	if (bpf_skb_adjust_room(skb, (__s32)len, BPF_ADJ_ROOM_MAC,
				flags | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, outer, len, 0))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc")
int tc_encap(struct __sk_buff *skb)
{
	struct encap encap = { .source[0] = CLIENT, .dest[0] = EDGE };
	struct encap_gue4 gue = {};
	struct iphdr ip, outer;
	struct tcphdr tcp;

	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.daddr != VIP ||
	    ip.protocol != IPPROTO_TCP ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(ip), &tcp, sizeof(tcp)))
		return TC_ACT_OK;
	encap.len = skb->len - ETH_HLEN;
	if (tcp.dest != bpf_htons(PORT_OF_GUE)) {
		encap.proto = IPPROTO_IPIP;
		encap_build4(&encap, encap.len, &outer);
		return put_in(skb, &outer, sizeof(outer), 0);
	}
	encap.proto = IPPROTO_UDP;
	encap.sport = tcp.source;
	encap.dport = bpf_htons(GUE_PORT);
	encap_build_gue4(&encap, &gue);
	return put_in(skb, &gue, sizeof(gue), BPF_F_ADJ_ROOM_ENCAP_L4_UDP);
}

char LICENSE[] SEC("license") = "GPL";
