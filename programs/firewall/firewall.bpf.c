/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The firewall: allows and denies by source prefix and by destination port, from
 * lists, and what is on no list by a ruleset.
 *
 * Sources are judged before ports, and of several prefixes that hold a source
 * the longest decides; where one prefix or one port is on both lists, allow
 * wins. Of the ruleset's rules the first that matches decides. It keeps no state:
 * answers to the host's own connections are judged like any other packet, unless
 * fw_egress tells of these. What it cannot read to the end, it drops.
 */
#include <linux/bpf.h>
#include <linux/icmpv6.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/manifest.h"
#include "bpf/parse.h"
#include "programs/firewall/data/judge.h"
#include "programs/firewall/data/key.h"
#include "programs/firewall/data/reply.h"
#include "programs/firewall/firewall_abi.h"

SLOT_NAME("firewall");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("xdp");
SLOT_MAP_ABI(1);

/* A version may ship with a rule of its own. */
#ifndef FIREWALL_STATIC_DENY_PORT
#define FIREWALL_STATIC_DENY_PORT 0
#define FIREWALL_STATIC_DENY_PROTO 0
#endif

const volatile struct firewall_config firewall_config = {
	.static_deny_port = FIREWALL_STATIC_DENY_PORT,
	.static_deny_proto = FIREWALL_STATIC_DENY_PROTO,
	.reply_tcp_seconds = FIREWALL_REPLY_TCP_SECONDS,
	.reply_seconds = FIREWALL_REPLY_SECONDS,
	.rules_max = FW_RULES_DEFAULT,
	.limited_sources_max = FW_SOURCES_DEFAULT,
};

/* Written by the control plane, read here. One trie for both lists: one look-up a packet. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, FIREWALL_TRIE_SIZE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct firewall_source4);
	__type(value, __u32);
} fw_sources4 SEC(".maps");

/* As fw_sources4. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, FIREWALL_TRIE_SIZE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct firewall_source6);
	__type(value, __u32);
} fw_sources6 SEC(".maps");

/* Written by the control plane, read here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FIREWALL_PORT_GROUPS);
	__type(key, __u32);
	__type(value, struct firewall_ports);
} fw_ports SEC(".maps");

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FIREWALL_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} fw_counts SEC(".maps");

/* No list and no setting decides about the packet. */
#define UNDECIDED FIREWALL_COUNTER_COUNT

static __always_inline bool is_denied_by_default(__u32 policy)
{
	return policy ? policy == FW_DROP : firewall_config.default_deny;
}

/*
 * What is left to say about a packet that is let through, or that the default would drop: what
 * the host has asked for passes, and is no flood that a guard is for.
 */
static __always_inline enum firewall_counter judge_asked(struct xdp_md *ctx,
							 const struct ruleset *ruleset,
							 const struct judged *judged,
							 enum firewall_counter reason)
{
	__u32 guards = 0;

	if (reason < FIREWALL_FIRST_DROP)
		guards = find_guards(ruleset->head, judged);
	if (!guards && reason != FIREWALL_DENY_DEFAULT)
		return reason;
	if (fw_is_reply(ctx, &judged->key, judged->quoted_at))
		return reason == FIREWALL_DENY_DEFAULT ? FIREWALL_ALLOW_REPLY : reason;
	if (reason == FIREWALL_DENY_DEFAULT)
		return judged->is_neighbour ? FIREWALL_NEIGHBOUR : reason;
	return pass_guards(ruleset, judged, guards) ? reason : FIREWALL_DENY_LIMIT;
}

static __always_inline enum firewall_counter
judge_rules(struct xdp_md *ctx, const struct ruleset *ruleset, struct judged *judged)
{
	struct reader from = { .ctx = ctx };
	enum firewall_counter reason;

	switch (ask_rules(&from, ruleset, judged, ctx->ingress_ifindex)) {
	case JUDGE_ACCEPT:
		reason = FIREWALL_ALLOW_RULE;
		break;
	case JUDGE_DROP:
		return FIREWALL_DENY_RULE;
	case JUDGE_LIMIT:
		return FIREWALL_DENY_LIMIT;
	default:
		reason = is_denied_by_default(ruleset->head->policy) ? FIREWALL_DENY_DEFAULT :
								       FIREWALL_NO_RULE;
	}
	return judge_asked(ctx, ruleset, judged, reason);
}

/* Whether there is more to ask than lists: where there is not, no packet pays for a call. */
static __always_inline bool has_rules(void)
{
	struct ruleset ruleset;

	return firewall_config.default_deny || !get_ruleset(&ruleset) || ruleset.load;
}

/*
 * What becomes of a packet that no list decides about; @place is in it. Global, as fw_find():
 * however the packet was read, the verifier sees it the same from here on.
 */
__noinline int fw_judge(struct xdp_md *ctx, const struct key_place *place)
{
	struct parse_cursor cursor = parse_start(ctx);
	struct judged judged = {};
	struct ruleset ruleset;

	if (!place || !get_ruleset(&ruleset))
		return FIREWALL_DENY_DEFAULT;
	if (read_key(&cursor, place, judged.key.words))
		return FIREWALL_DENY_DEFAULT;
	judged.len = place->len;
	judged.quoted_at = place->at + sizeof(struct icmp6hdr);
	judged.key.is_ip6 = place->is_ip6;
	judged.is_neighbour = place->is_ip6 &&
			      is_neighbour(&place->payload, judged.key.words[0], place->hop_limit);
	return judge_rules(ctx, &ruleset, &judged);
}

/* The lists that a port is on. */
static __always_inline __u8 get_port_lists(bool is_udp, __u16 port)
{
	__u32 index = FIREWALL_PORT_INDEX(is_udp, port), group = index / FIREWALL_PORT_GROUP;
	struct firewall_ports *ports = bpf_map_lookup_elem(&fw_ports, &group);

	return ports ? ports->lists[index % FIREWALL_PORT_GROUP] : 0;
}

static __always_inline bool is_static_deny(__u8 proto, __u16 port)
{
	return firewall_config.static_deny_port && firewall_config.static_deny_port == port &&
	       firewall_config.static_deny_proto == proto;
}

/* What is left when the source decided nothing. */
static __always_inline enum firewall_counter judge_port(const struct parse_cursor *cursor,
							const struct parse_payload *payload)
{
	__u16 port;
	__u8 lists;

	if (is_later_part(payload) && firewall_config.drop_fragments)
		return FIREWALL_FRAGMENT;
	if (is_later_part(payload) ||
	    (payload->proto != IPPROTO_TCP && payload->proto != IPPROTO_UDP))
		return UNDECIDED;

	if (parse_port(cursor, payload, &port))
		return FIREWALL_BAD_L4;
	lists = get_port_lists(payload->proto == IPPROTO_UDP, port);
	if (lists & FIREWALL_ALLOW)
		return FIREWALL_ALLOW_PORT;
	if (lists & FIREWALL_DENY)
		return FIREWALL_DENY_PORT;
	return is_static_deny(payload->proto, port) ? FIREWALL_DENY_STATIC : UNDECIDED;
}

static __always_inline enum firewall_counter judge_ip4(struct parse_cursor *cursor,
						       struct key_place *place)
{
	struct firewall_source4 source = { .prefix_len = 32 };
	struct parse_payload payload;
	struct iphdr *ip;
	__u32 *lists;

	if (parse_ip4(cursor, &ip, &payload))
		return FIREWALL_BAD_IP4;
	__builtin_memcpy(source.addr, &ip->saddr, sizeof(source.addr));
	lists = bpf_map_lookup_elem(&fw_sources4, &source);
	if (lists)
		return *lists & FIREWALL_ALLOW ? FIREWALL_ALLOW_SOURCE : FIREWALL_DENY_SOURCE;
	set_place(place, cursor, ip, &payload);
	return judge_port(cursor, &payload);
}

static __always_inline enum firewall_counter judge_ip6(struct parse_cursor *cursor,
						       struct key_place *place)
{
	struct firewall_source6 source = { .prefix_len = 128 };
	struct parse_payload payload;
	struct ipv6hdr *ip;
	__u32 *lists;
	int err;

	err = parse_ip6(cursor, &ip, &payload);
	if (err)
		return err == PARSE_TOO_DEEP ? FIREWALL_TOO_DEEP : FIREWALL_BAD_IP6;
	__builtin_memcpy(source.addr, &ip->saddr, sizeof(source.addr));
	lists = bpf_map_lookup_elem(&fw_sources6, &source);
	if (lists)
		return *lists & FIREWALL_ALLOW ? FIREWALL_ALLOW_SOURCE : FIREWALL_DENY_SOURCE;
	set_place(place, cursor, ip, &payload);
	place->hop_limit = ip->hop_limit;
	return judge_port(cursor, &payload);
}

static __always_inline enum firewall_counter judge(struct parse_cursor *cursor,
						   struct key_place *place)
{
	__be16 proto;
	int err;

	err = parse_eth(cursor, &proto);
	if (err)
		return err == PARSE_TOO_DEEP ? FIREWALL_TOO_DEEP : FIREWALL_BAD_ETHERNET;
	if (proto == bpf_htons(ETH_P_IP))
		return judge_ip4(cursor, place);
	place->is_ip6 = true;
	if (proto == bpf_htons(ETH_P_IPV6))
		return judge_ip6(cursor, place);
	return FIREWALL_NOT_IP;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	struct parse_cursor cursor = parse_start(ctx);
	struct key_place place = { .len = cursor.end - cursor.start };
	enum firewall_counter reason = judge(&cursor, &place);

	if (reason == UNDECIDED)
		reason = has_rules() ? fw_judge(ctx, &place) : FIREWALL_NO_RULE;
	count_packet(&fw_counts, reason, place.len);
	return reason < FIREWALL_FIRST_DROP ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
