/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The firewall: allows and denies by source prefix and by destination port.
 *
 * Sources are judged before ports, and of several prefixes that hold a source
 * the longest decides; where one prefix or one port is on both lists, allow
 * wins. It keeps no state: answers to the host's own connections are judged
 * like any other packet. What it cannot read to the end, it drops.
 */
#include <linux/bpf.h>
#include <linux/icmpv6.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/manifest.h"
#include "bpf/parse.h"
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

/* RFC 4861: router and neighbour solicitation and advertisement, redirect; never forwarded. */
static __always_inline bool is_neighbour(const struct parse_cursor *cursor,
					 const struct parse_payload *payload, __u8 hop_limit)
{
	struct icmp6hdr *icmp = cursor->pos;

	if (payload->proto != IPPROTO_ICMPV6 || is_later_part(payload) || hop_limit != 255)
		return false;
	if (payload->len < sizeof(*icmp) || (void *)(icmp + 1) > cursor->end)
		return false;
	return icmp->icmp6_type >= 133 && icmp->icmp6_type <= 137;
}

static __always_inline enum firewall_counter judge_default(const struct parse_cursor *cursor,
							   const struct parse_payload *payload,
							   __u8 hop_limit)
{
	if (!firewall_config.default_deny)
		return FIREWALL_NO_RULE;
	if (is_neighbour(cursor, payload, hop_limit))
		return FIREWALL_NEIGHBOUR;
	return FIREWALL_DENY_DEFAULT;
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

/* What is left when the source decided nothing. @hop_limit is IPv6's, 0 for IPv4. */
static __always_inline enum firewall_counter
judge_port(const struct parse_cursor *cursor, const struct parse_payload *payload, __u8 hop_limit)
{
	__u16 port;
	__u8 lists;

	if (is_later_part(payload) && firewall_config.drop_fragments)
		return FIREWALL_FRAGMENT;
	if (is_later_part(payload) ||
	    (payload->proto != IPPROTO_TCP && payload->proto != IPPROTO_UDP))
		return judge_default(cursor, payload, hop_limit);

	if (parse_port(cursor, payload, &port))
		return FIREWALL_BAD_L4;
	lists = get_port_lists(payload->proto == IPPROTO_UDP, port);
	if (lists & FIREWALL_ALLOW)
		return FIREWALL_ALLOW_PORT;
	if (lists & FIREWALL_DENY)
		return FIREWALL_DENY_PORT;
	if (is_static_deny(payload->proto, port))
		return FIREWALL_DENY_STATIC;
	return judge_default(cursor, payload, hop_limit);
}

static __always_inline enum firewall_counter judge_ip4(struct parse_cursor *cursor)
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
	return judge_port(cursor, &payload, 0);
}

static __always_inline enum firewall_counter judge_ip6(struct parse_cursor *cursor)
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
	return judge_port(cursor, &payload, ip->hop_limit);
}

static __always_inline enum firewall_counter judge(struct parse_cursor *cursor)
{
	__be16 proto;
	int err;

	err = parse_eth(cursor, &proto);
	if (err)
		return err == PARSE_TOO_DEEP ? FIREWALL_TOO_DEEP : FIREWALL_BAD_ETHERNET;
	if (proto == bpf_htons(ETH_P_IP))
		return judge_ip4(cursor);
	if (proto == bpf_htons(ETH_P_IPV6))
		return judge_ip6(cursor);
	return FIREWALL_NOT_IP;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	struct parse_cursor cursor = parse_start(ctx);
	enum firewall_counter reason = judge(&cursor);

	count_packet(&fw_counts, reason, ctx->data_end - ctx->data);
	return reason < FIREWALL_FIRST_DROP ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
