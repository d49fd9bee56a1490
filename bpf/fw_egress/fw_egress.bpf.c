/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fw_egress: writes down the flows that the host begins, so that the firewall knows their
 * replies. At TC egress, of Ethernet interfaces; it changes no packet and drops none.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/fw_egress/fw_egress_abi.h"
#include "bpf/fw_flow_abi.h"
#include "bpf/manifest.h"
#include "programs/firewall/data/flow.h"
#include "programs/firewall/data/read.h"

SLOT_NAME("fw_egress");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("tc-egress");
SLOT_MAP_ABI(1);

/* A flow's time is written at most so often. */
#define REFRESH_NS 1000000000LL

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

/* What is left of a packet when it has been read. */
struct judged {
	struct fw_key key;
	bool is_ip6;
};

#define READ FW_EGRESS_COUNTER_COUNT

/* The ethertype behind the tags. Tags beside the packet's bytes are none of them. */
static __always_inline int read_eth(struct reader *from, struct __sk_buff *skb, __be16 *ret_proto)
{
	struct parse_vlan tag;

	if (read_bytes(from, offsetof(struct ethhdr, h_proto), ret_proto, sizeof(*ret_proto)))
		return PARSE_MALFORMED;
	/* Of IP that has no such header the bytes mean something else. */
	if (skb->protocol != *ret_proto &&
	    (skb->protocol == bpf_htons(ETH_P_IP) || skb->protocol == bpf_htons(ETH_P_IPV6)))
		return PARSE_MALFORMED;
	from->at = ETH_HLEN;
	for (int i = 0; i < PARSE_VLAN_MAX && is_vlan(*ret_proto); i++) {
		if (read_bytes(from, from->at, &tag, sizeof(tag)))
			return PARSE_MALFORMED;
		*ret_proto = tag.proto;
		from->at += sizeof(tag);
	}
	return is_vlan(*ret_proto) ? PARSE_TOO_DEEP : 0;
}

static __always_inline enum fw_egress_counter read_packet(struct __sk_buff *skb,
							  struct judged *judged)
{
	struct reader from = { .ctx = skb, .is_skb = true, .end = skb->len };
	struct parse_payload payload = {};
	__be16 proto;
	int err;

	if (read_eth(&from, skb, &proto))
		return FW_EGRESS_UNREAD;
	judged->is_ip6 = proto == bpf_htons(ETH_P_IPV6);
	if (!judged->is_ip6 && proto != bpf_htons(ETH_P_IP))
		return FW_EGRESS_NOT_IP;
	err = judged->is_ip6 ? read_ip6(&from, judged->key.words, &payload) :
			       read_ip4(&from, judged->key.words, &payload);
	if (err || read_first_word(&from, &payload, &judged->key.words[0]))
		return FW_EGRESS_UNREAD;
	return READ;
}

static __always_inline enum fw_egress_counter note_flow(const struct judged *judged)
{
	struct fw_flow flow = get_flow_back(judged->key.words, judged->is_ip6);
	__u64 now = bpf_ktime_get_ns(), *seen;

	if (!is_asking(judged->key.words))
		return FW_EGRESS_NONE;
	seen = bpf_map_lookup_elem(&fw_flows, &flow);
	if (!seen) {
		bpf_map_update_elem(&fw_flows, &flow, &now, BPF_ANY);
		return FW_EGRESS_NEW;
	}
	if ((__s64)(now - *seen) > REFRESH_NS)
		*seen = now;
	return FW_EGRESS_KNOWN;
}

SEC("tc")
int fw_egress(struct __sk_buff *skb)
{
	struct judged judged = {};
	enum fw_egress_counter reason = read_packet(skb, &judged);

	if (reason == READ)
		reason = note_flow(&judged);
	count_packet(&fw_flow_counts, reason, skb->len);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
