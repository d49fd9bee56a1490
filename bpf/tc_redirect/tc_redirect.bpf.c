/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tc_redirect: hands packets for containers' addresses to their network namespaces, at the
 * TC ingress of the interface that a host's tunnels come in by. It changes no packet and
 * drops none: whatever cannot be handed over is left to the host, which routes it.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/manifest.h"
#include "bpf/tc_redirect/tc_redirect_abi.h"

SLOT_NAME("tc_redirect");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("tc-ingress");
SLOT_MAP_ABI(1);

/* Written by the control plane, read here. A trie: a container may have a prefix. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, TC_REDIRECT_DESTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct slot_prefix);
	__type(value, struct tc_redirect_dest);
} redirect_dests SEC(".maps");

/* Both written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TC_REDIRECT_DESTS_MAX);
	__type(key, __u32);
	__type(value, struct slot_count);
} redirect_hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TC_REDIRECT_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} redirect_counts SEC(".maps");

static __always_inline int read_addr(const struct __sk_buff *skb, __u32 offset, void *addr,
				     __u32 len)
{
	return bpf_skb_load_bytes_relative(skb, offset, addr, len, BPF_HDR_START_NET);
}

/* read_dest - where @skb goes to, as a key; false where it is not IP, or cut short. */
static __always_inline bool read_dest(const struct __sk_buff *skb, struct slot_prefix *key)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		key->len = SLOT_PREFIX_FAMILY_BITS + 32;
		key->family = 4;
		return !read_addr(skb, offsetof(struct iphdr, daddr), key->addr, 4);
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		key->len = SLOT_PREFIX_FAMILY_BITS + 128;
		key->family = 6;
		return !read_addr(skb, offsetof(struct ipv6hdr, daddr), key->addr, 16);
	}
	return false;
}

/*
 * choose - how @skb gets to @dest, or why it does not. The kernel drops what is redirected
 * to a device that is gone, so it is asked for the device first, which is what
 * bpf_check_mtu() does. A packet that enters the peer is received there: no MTU holds it up.
 */
static __always_inline enum tc_redirect_counter choose(struct __sk_buff *skb,
						       const struct tc_redirect_dest *dest)
{
	__u32 mtu_len = 0;
	long ret;

	if (skb->pkt_type != PACKET_HOST)
		return TC_REDIRECT_OTHER_HOST;
	if (skb->vlan_present)
		return TC_REDIRECT_TAGGED;
	ret = bpf_check_mtu(skb, dest->ifindex, &mtu_len, 0,
			    dest->helper == TC_REDIRECT_NEIGH ? BPF_MTU_CHK_SEGS : 0);
	if (ret < 0)
		return TC_REDIRECT_NO_DEVICE;
	if (dest->helper == TC_REDIRECT_PEER)
		return TC_REDIRECT_TO_PEER;
	return ret ? TC_REDIRECT_TOO_LONG : TC_REDIRECT_TO_NEIGH;
}

SEC("tc")
int tc_redirect(struct __sk_buff *skb)
{
	struct slot_prefix key = {};
	const struct tc_redirect_dest *dest;
	enum tc_redirect_counter counter;

	if (!read_dest(skb, &key))
		return TC_ACT_UNSPEC;
	dest = bpf_map_lookup_elem(&redirect_dests, &key);
	if (!dest)
		return TC_ACT_UNSPEC;
	counter = choose(skb, dest);
	count_packet(&redirect_counts, counter, skb->len);
	if (counter > TC_REDIRECT_TO_NEIGH)
		return TC_ACT_UNSPEC;
	count_packet(&redirect_hits, dest->number, skb->len);
	/* As for any packet that comes into another netns; this helper leaves the mark. */
	skb->mark = 0;
	if (counter == TC_REDIRECT_TO_PEER)
		return bpf_redirect_peer(dest->ifindex, 0);
	return bpf_redirect_neigh(dest->ifindex, NULL, 0, 0);
}

char LICENSE[] SEC("license") = "GPL";
