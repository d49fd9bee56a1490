/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff_out: packets that go out of connections which were handed to this host, at TC egress.
 * They come from the address and port that the client knows. All else goes out as it came.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/manifest.h"

/* The table is handoff's: maps_of of the slot names it. */
#define HANDOFF_RULES_TAG SLOT_BORROWED
#include "programs/handoff/data/maps.h"
#include "programs/handoff/data/packet.h"
#include "programs/handoff/data/seen.h"

SLOT_NAME("handoff_out");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("tc-egress");
SLOT_MAP_ABI(1);

#define NOT_COUNTED (-1)

/* Headers that are looked at: Ethernet with its tags, IPv6, what a jumbogram has, TCP. */
#define REACH (ETH_HLEN + PARSE_VLAN_MAX * 4 + 40 + 8 + 20)

const volatile struct handoff_out_config handoff_out_config = {
	.rules_max = HANDOFF_RULES_DEFAULT,
};

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HANDOFF_OUT_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} out_counts SEC(".maps");

/* Where the headers are in the frame. */
struct place {
	__u32 ip, tcp;
};

static __always_inline struct parse_cursor start(const struct __sk_buff *skb)
{
	struct parse_cursor cursor = {
		.start = (void *)(long)skb->data,
		.pos = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
	};

	cursor.rest = skb->len - (cursor.end - cursor.start);
	return cursor;
}

static __always_inline enum packet_kind look(struct __sk_buff *skb, struct packet *packet,
					     struct place *ret_place)
{
	struct parse_cursor cursor;
	enum packet_kind kind;
	__be16 proto;

	/* What it fails for is what the frame has not: it is cut short. */
	if (skb->data_end - skb->data < REACH && skb->data_end - skb->data < skb->len)
		bpf_skb_pull_data(skb, skb->len < REACH ? skb->len : REACH);
	cursor = start(skb);
	if (parse_eth(&cursor, &proto))
		return PACKET_OTHER;
	kind = read_packet(&cursor, proto, packet);
	if (kind != PACKET_TCP)
		return kind;
	ret_place->ip = packet->ip - cursor.start;
	ret_place->tcp = (void *)packet->tcp - cursor.start;
	return kind;
}

static __always_inline long rewrite4(struct __sk_buff *skb, const struct place *at, __be32 from,
				     __be32 to)
{
	__u32 check = at->tcp + offsetof(struct tcphdr, check);

	return bpf_l3_csum_replace(skb, at->ip + offsetof(struct iphdr, check), from, to,
				   sizeof(to)) ||
	       bpf_l4_csum_replace(skb, check, from, to, BPF_F_PSEUDO_HDR | sizeof(to)) ||
	       bpf_skb_store_bytes(skb, at->ip + offsetof(struct iphdr, saddr), &to, sizeof(to), 0);
}

static __always_inline long rewrite6(struct __sk_buff *skb, const struct place *at,
				     const __be32 from[4], const __be32 to[4])
{
	__u32 len = sizeof(struct in6_addr);
	__s64 diff = bpf_csum_diff((__be32 *)from, len, (__be32 *)to, len, 0);

	return bpf_l4_csum_replace(skb, at->tcp + offsetof(struct tcphdr, check), 0, diff,
				   BPF_F_PSEUDO_HDR) ||
	       bpf_skb_store_bytes(skb, at->ip + offsetof(struct ipv6hdr, saddr), to, len, 0);
}

/*
 * Of a checksum that is left to the device (CHECKSUM_PARTIAL) there are the addresses alone yet:
 * BPF_F_PSEUDO_HDR says which changes concern them, and the helper leaves out the others.
 */
static __always_inline int rewrite(struct __sk_buff *skb, const struct place *at,
				   const struct packet *packet, const struct handoff_source *source)
{
	const __be32 *from = packet->key.local, *to = source->address;
	__be16 port = source->port;
	long err;

	if (packet->is_ip6)
		err = rewrite6(skb, at, from, to);
	else
		err = rewrite4(skb, at, from[HANDOFF_MAPPED_WORD + 1], to[HANDOFF_MAPPED_WORD + 1]);
	err = err   ?:
		      bpf_l4_csum_replace(skb, at->tcp + offsetof(struct tcphdr, check),
					  packet->key.local_port, port, sizeof(port));
	err = err   ?:
		      bpf_skb_store_bytes(skb, at->tcp + offsetof(struct tcphdr, source), &port,
					  sizeof(port), 0);
	return err ? HANDOFF_OUT_BROKEN : HANDOFF_OUT_REWRITE;
}

/* Of a client that began anew it is the new connection's: the rule is the old one's. */
static __always_inline void note_use(struct handoff_rule *rule, const struct tcphdr *tcp,
				     __u64 bytes)
{
	if (rule->use.seen & HANDOFF_REUSED)
		return;
	note_local(rule, rule->id, tcp);
	__sync_fetch_and_add(&rule->use.out_packets, 1);
	__sync_fetch_and_add(&rule->use.out_bytes, bytes);
	rule->use.last_ns = bpf_ktime_get_coarse_ns();
}

/* Returns enum handoff_out_counter, or NOT_COUNTED. */
static __always_inline int handle(struct __sk_buff *skb)
{
	struct packet packet = { .is_out = true, .is_large = skb->gso_size };
	struct handoff_source source;
	struct handoff_rule *rule;
	struct place at = {};

	switch (look(skb, &packet, &at)) {
	case PACKET_TCP:
		break;
	case PACKET_OPTIONS:
		return HANDOFF_OUT_OPTIONS;
	case PACKET_FRAGMENTED:
		return HANDOFF_OUT_FRAGMENT;
	case PACKET_CUT:
		return HANDOFF_OUT_CUT;
	default:
		return NOT_COUNTED;
	}
	rule = bpf_map_lookup_elem(&handoff_rules, &packet.key);
	if (!rule)
		return NOT_COUNTED;
	note_use(rule, packet.tcp, skb->len);
	if (rule->egress != HANDOFF_REWRITE)
		return HANDOFF_OUT_NONE;
	source = rule->source;
	if (!is_family(&packet, source.address))
		return HANDOFF_OUT_FAMILY;
	return rewrite(skb, &at, &packet, &source);
}

SEC("tc")
int handoff_out(struct __sk_buff *skb)
{
	__u64 bytes = skb->len;
	int ret = handle(skb);

	if (ret == NOT_COUNTED)
		return TC_ACT_UNSPEC;
	count_packet(&out_counts, ret, bytes);
	return ret < HANDOFF_OUT_FIRST_DROP ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
