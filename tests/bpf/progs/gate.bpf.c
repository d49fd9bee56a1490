/* SPDX-License-Identifier: GPL-2.0-only */
/* Between a client and a server on one device: what goes to the server's port may be stopped, and
 * any packet lost at random. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/support/handoff_gate.h"

/* Written by the test, read by the program; one entry, so an array. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct handoff_gate);
} gate SEC(".maps");

static __always_inline __u32 find_ports(const struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return ETH_HLEN + sizeof(struct iphdr);
	return ETH_HLEN + sizeof(struct ipv6hdr);
}

SEC("tc")
int gate_tc(struct __sk_buff *skb)
{
	__u32 zero = 0, at = find_ports(skb);
	struct handoff_gate *now = bpf_map_lookup_elem(&gate, &zero);
	struct tcphdr tcp;

	if (!now || bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp)))
		return TC_ACT_OK;
	if (tcp.dest == now->port && now->is_shut) {
		__sync_fetch_and_add(&now->stopped, 1);
		return TC_ACT_SHOT;
	}
	if (tcp.rst)
		__sync_fetch_and_add(&now->resets, 1);
	if (tcp.source == now->port)
		__sync_fetch_and_add(&now->answers, 1);
	if (now->lose_one_in && bpf_get_prandom_u32() % now->lose_one_in == 0) {
		__sync_fetch_and_add(&now->lost, 1);
		return TC_ACT_SHOT;
	}
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
