/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff: packets that come in of connections which are being handed to another host, or were:
 * dropped while the connection is on its way, sent to where it is now afterwards. All else
 * passes as it came.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/csum.h"
#include "bpf/manifest.h"
#include "programs/handoff/data/ends.h"
#include "programs/handoff/data/maps.h"
#include "programs/handoff/data/packet.h"

SLOT_NAME("handoff");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("xdp");
SLOT_MAP_ABI(1);

#define NOT_COUNTED (-1)

const volatile struct handoff_config handoff_config = {
	.rules_max = HANDOFF_RULES_DEFAULT,
};

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HANDOFF_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} handoff_counts SEC(".maps");

/*
 * Written by the agent, read by whoever moves connections, neither here. Preallocated: what the
 * agent is to say before it asks the device has room.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HANDOFF_OFFLOADS_MAX);
	__type(key, struct handoff_key);
	__type(value, struct handoff_offload);
} handoff_offloads SEC(".maps");

/* The agent's, for commands to read: not read or written here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct handoff_told);
} handoff_told SEC(".maps");

/* Of whoever moves connections, several processes at once, in its memory: not read or written here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HANDOFF_MOVES_SIZE);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} handoff_moves SEC(".maps");

/* A client that is gone answers with RST whoever asks whether it is there. */
static __always_inline void count_use(struct handoff_rule *rule, const struct tcphdr *tcp,
				      __u64 bytes, __u64 now)
{
	__sync_fetch_and_add(&rule->use.in_packets, 1);
	__sync_fetch_and_add(&rule->use.in_bytes, bytes);
	if (!tcp->rst || !(rule->use.seen & HANDOFF_CLIENT_RST))
		rule->use.last_ns = now;
}

static __always_inline void write_target(const struct packet *packet, struct ethhdr *eth,
					 const struct handoff_target *target)
{
	struct tcphdr *tcp = packet->tcp;
	struct ipv6hdr *ip6 = packet->ip;
	struct iphdr *ip = packet->ip;
	__be32 to = target->address[HANDOFF_MAPPED_WORD + 1];

	__builtin_memcpy(eth->h_dest, target->next_hop_mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, target->own_mac, ETH_ALEN);
	tcp->check = csum_replace(tcp->check, tcp->dest, target->port);
	tcp->dest = target->port;
	if (packet->is_ip6) {
		tcp->check =
			csum_replace16(tcp->check, ip6->daddr.in6_u.u6_addr32, target->address);
		__builtin_memcpy(&ip6->daddr, target->address, sizeof(ip6->daddr));
		return;
	}
	tcp->check = csum_replace4(tcp->check, ip->daddr, to);
	ip->check = csum_replace4(ip->check, ip->daddr, to);
	ip->daddr = to;
}

/* Returns enum handoff_counter: HANDOFF_IN_REDIRECT also where it is away. */
static __always_inline int judge(const struct packet *packet, struct handoff_rule *rule, __u64 id,
				 __u64 now, struct handoff_target *ret_target)
{
	__u32 ingress = *(volatile __u32 *)&rule->ingress;
	__u64 deadline = rule->deadline_ns;

	if (ingress == HANDOFF_REDIRECT) {
		*ret_target = rule->target;
		if (!is_family(packet, ret_target->address))
			return HANDOFF_IN_FAMILY;
		if (note_anew(rule, id, packet->tcp, now))
			return HANDOFF_IN_REUSED;
		return is_early(rule, packet->tcp) ? HANDOFF_IN_EARLY : HANDOFF_IN_REDIRECT;
	}
	if (ingress != HANDOFF_BLOCK)
		return HANDOFF_IN_PASS;
	return deadline && now >= deadline ? HANDOFF_IN_EXPIRED : HANDOFF_IN_BLOCKED;
}

/* Returns enum handoff_counter. */
static __always_inline int follow_rule(struct xdp_md *ctx, const struct packet *packet,
				       struct handoff_rule *rule, __u32 *ret_ifindex)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u64 now = bpf_ktime_get_coarse_ns(), id = rule->id;
	struct handoff_target target = {};
	int ret = judge(packet, rule, id, now, &target);

	if (ret == HANDOFF_IN_BLOCKED)
		__sync_fetch_and_add(&rule->use.blocked, 1);
	if (ret >= HANDOFF_FIRST_DROP || ret == HANDOFF_IN_FAMILY || ret == HANDOFF_IN_REUSED)
		return ret;
	count_use(rule, packet->tcp, ctx->data_end - ctx->data, now);
	note_client(rule, id, packet);
	if (ret != HANDOFF_IN_REDIRECT || (void *)(eth + 1) > (void *)(long)ctx->data_end)
		return ret;
	write_target(packet, eth, &target);
	*ret_ifindex = target.ifindex;
	return target.ifindex && target.ifindex != ctx->ingress_ifindex ? HANDOFF_IN_AWAY :
									  HANDOFF_IN_REDIRECT;
}

/* Returns enum handoff_counter, or NOT_COUNTED. */
static __always_inline int handle(struct xdp_md *ctx, __u32 *ret_ifindex)
{
	struct parse_cursor cursor = parse_start(ctx);
	struct packet packet = {};
	struct handoff_rule *rule;
	__be16 proto;

	if (parse_eth(&cursor, &proto))
		return NOT_COUNTED;
	switch (read_packet(&cursor, proto, &packet)) {
	case PACKET_TCP:
		break;
	case PACKET_OPTIONS:
		return HANDOFF_IN_OPTIONS;
	case PACKET_FRAGMENTED:
		return HANDOFF_IN_FRAGMENT;
	case PACKET_CUT:
		return HANDOFF_IN_CUT;
	default:
		return NOT_COUNTED;
	}
	rule = bpf_map_lookup_elem(&handoff_rules, &packet.key);
	return rule ? follow_rule(ctx, &packet, rule, ret_ifindex) : NOT_COUNTED;
}

SEC("xdp")
int handoff(struct xdp_md *ctx)
{
	__u64 bytes = ctx->data_end - ctx->data;
	__u32 ifindex = 0;
	int ret = handle(ctx, &ifindex);

	if (ret == NOT_COUNTED)
		return XDP_PASS;
	count_packet(&handoff_counts, ret, bytes);
	if (ret == HANDOFF_IN_REDIRECT)
		return XDP_TX;
	if (ret == HANDOFF_IN_AWAY)
		return bpf_redirect(ifindex, 0);
	return ret < HANDOFF_FIRST_DROP ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
