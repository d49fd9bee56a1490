/* SPDX-License-Identifier: GPL-2.0-only */
/* Replies to what the host has sent: its flows, as fw_egress writes them down. */
#ifndef FW_DATA_REPLY_H
#define FW_DATA_REPLY_H

#include "programs/firewall/data/flow.h"
#include "programs/firewall/data/read.h"
#include "programs/firewall/firewall_abi.h"

/* Defined by firewall.bpf.c. */
extern const volatile struct firewall_config firewall_config;

#define REPLY_NS_PER_S 1000000000LL

/*
 * One that is like fw_egress's but for its size, which may differ; the control plane puts its
 * own in. Empty: no replies are known.
 */
struct reply_flows {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct fw_flow));
	__uint(value_size, sizeof(__u64));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct reply_flows);
} fw_replies SEC(".maps");

/* How long a flow's replies pass after what the host sent last. */
static __always_inline __s64 get_reply_ns(__u8 proto)
{
	return (proto == IPPROTO_TCP ? firewall_config.reply_tcp_seconds :
				       firewall_config.reply_seconds) *
	       REPLY_NS_PER_S;
}

/* The clock of another CPU, which has just written, may be ahead: the difference has a sign. */
static __always_inline bool is_flow_known(const struct fw_flow *flow)
{
	__u32 zero = 0;
	void *flows = bpf_map_lookup_elem(&fw_replies, &zero);
	__u64 *seen = flows ? bpf_map_lookup_elem(flows, flow) : NULL;

	return seen && (__s64)(bpf_ktime_get_ns() - *seen) < get_reply_ns(flow->proto);
}

/* Errors that quote the packet which they are about. */
static __always_inline bool is_icmp_error(const __u64 *key)
{
	__u8 type = get_icmp_type(key);

	if (!has_flow(key))
		return false;
	if (get_proto(key) == IPPROTO_ICMPV6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return get_proto(key) == IPPROTO_ICMP &&
	       (type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
		type == ICMP_PARAMETERPROB);
}

/* The flow of the packet that the error behind @of quotes, which is at @at. */
static __always_inline int get_quoted(struct xdp_md *ctx, __u32 at, const struct fw_key *of,
				      struct fw_flow *ret_flow)
{
	struct reader from = { .ctx = ctx, .is_quoted = true, .at = at };
	struct parse_payload payload = {};
	__u64 quoted[KEY_ROOM] = {};
	const __u64 *key = of->words;
	bool is_ip6 = of->is_ip6;
	int err = is_ip6 ? read_ip6(&from, quoted, &payload) : read_ip4(&from, quoted, &payload);

	if (!err)
		err = read_first_word(&from, &payload, &quoted[0]);
	if (err || !has_flow(quoted))
		return PARSE_MALFORMED;
	/* Whoever is told of it has to be its sender. */
	if (is_ip6 ? quoted[1] != key[3] || quoted[2] != key[4] : quoted[1] >> 32 != (__u32)key[1])
		return PARSE_MALFORMED;
	if (is_icmp(quoted) && !is_asking(quoted))
		return PARSE_MALFORMED;
	*ret_flow = get_flow_back(quoted, is_ip6);
	return 0;
}

/*
 * Whether the host has asked for the packet; @at is where an ICMP error quotes. Global, as
 * fw_find().
 */
__noinline int fw_is_reply(struct xdp_md *ctx, const struct fw_key *key, __u32 at)
{
	struct fw_flow flow;

	if (!key || !has_flow(key->words))
		return 0;
	if (!is_icmp_error(key->words))
		flow = get_flow(key->words, key->is_ip6);
	else if (get_quoted(ctx, at, key, &flow))
		return 0;
	return is_flow_known(&flow);
}

#endif
