/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fw_egress: the firewall of packets that go out, by a ruleset, and the flows that the host
 * begins written down, so that the firewall knows their replies. At TC egress, of Ethernet
 * interfaces; it changes no packet.
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

/* Sizes of the maps in data/maps.h. */
#define MAPS_RULES FW_EGRESS_RULES_DEFAULT
#define MAPS_SOURCES FW_EGRESS_SOURCES_DEFAULT
#include "programs/firewall/data/flow.h"
#include "programs/firewall/data/judge.h"
#include "programs/firewall/data/read.h"

SLOT_NAME("fw_egress");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("tc-egress");
SLOT_MAP_ABI(1);

/* A flow's time is written at most so often. */
#define REFRESH_NS 1000000000LL

const volatile struct fw_egress_config fw_egress_config = {
	.flows_max = FW_FLOWS_DEFAULT,
	.rules_max = FW_EGRESS_RULES_DEFAULT,
	.limited_sources_max = FW_EGRESS_SOURCES_DEFAULT,
};

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

static __always_inline enum fw_egress_counter
read_packet(struct reader *from, struct __sk_buff *skb, struct judged *judged)
{
	struct parse_payload payload = {};
	__u64 *key = judged->key.words;
	__be16 proto;
	int err;

	if (read_eth(from, skb, &proto))
		return FW_EGRESS_UNREAD;
	judged->key.is_ip6 = proto == bpf_htons(ETH_P_IPV6);
	if (!judged->key.is_ip6 && proto != bpf_htons(ETH_P_IP))
		return FW_EGRESS_NOT_IP;
	err = judged->key.is_ip6 ? read_ip6(from, key, &payload) : read_ip4(from, key, &payload);
	if (err || read_first_word(from, &payload, &key[0]))
		return FW_EGRESS_UNREAD;
	judged->is_neighbour = judged->key.is_ip6 &&
			       is_neighbour(&payload, key[0], from->hop_limit);
	return READ;
}

static __always_inline enum fw_egress_counter note_flow(const struct judged *judged)
{
	struct fw_flow flow = get_flow_back(judged->key.words, judged->key.is_ip6);
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

/* READ: the ruleset has nothing against the packet. */
static __always_inline enum fw_egress_counter judge_rules(const struct reader *from,
							  const struct ruleset *ruleset,
							  struct judged *judged, __u32 ifindex)
{
	__u32 guards;

	switch (ask_rules(from, ruleset, judged, ifindex)) {
	case JUDGE_ACCEPT:
		break;
	case JUDGE_DROP:
		return FW_EGRESS_DENY_RULE;
	case JUDGE_LIMIT:
		return FW_EGRESS_DENY_LIMIT;
	default:
		if (ruleset->head->policy != FW_DROP)
			break;
		return judged->is_neighbour ? FW_EGRESS_NEIGHBOUR : FW_EGRESS_DENY_DEFAULT;
	}
	guards = find_guards(ruleset->head, judged);
	return guards && !pass_guards(ruleset, judged, guards) ? FW_EGRESS_DENY_LIMIT : READ;
}

static __always_inline enum fw_egress_counter judge(struct __sk_buff *skb)
{
	struct reader from = {
		.ctx = skb,
		.is_skb = true,
		.is_large = skb->gso_size,
		.end = skb->len,
	};
	struct judged judged = { .len = skb->len };
	enum fw_egress_counter reason = read_packet(&from, skb, &judged);
	struct ruleset ruleset;

	if (reason == FW_EGRESS_NOT_IP)
		return reason;
	if (!get_ruleset(&ruleset))
		return FW_EGRESS_DENY_DEFAULT;
	if (ruleset.load && reason != READ)
		return FW_EGRESS_DENY_UNREAD;
	if (ruleset.load && reason == READ)
		reason = judge_rules(&from, &ruleset, &judged, skb->ifindex);
	return reason == READ ? note_flow(&judged) : reason;
}

SEC("tc")
int fw_egress(struct __sk_buff *skb)
{
	enum fw_egress_counter reason = judge(skb);

	count_packet(&fw_flow_counts, reason, skb->len);
	return reason < FW_EGRESS_FIRST_DROP ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
