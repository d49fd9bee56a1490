/* SPDX-License-Identifier: GPL-2.0-only */
/* Replies to what the host has sent: its flows, as fw_egress writes them down. */
#ifndef FW_DATA_REPLY_H
#define FW_DATA_REPLY_H

#include <stdbool.h>

#include <linux/in.h>

#include "bpf/fw_flow_abi.h"
#include "programs/firewall/data/maps.h"
#include "programs/firewall/firewall_abi.h"

#define REPLY_NS_PER_S 1000000000ULL

/* How long a flow's replies pass after what the host sent last. */
static __always_inline __u64 get_reply_ns(const volatile struct firewall_config *config, __u8 proto)
{
	return (proto == IPPROTO_TCP ? config->reply_tcp_seconds : config->reply_seconds) *
	       REPLY_NS_PER_S;
}

static __always_inline bool is_reply(const volatile struct firewall_config *config,
				     const __u64 *key, bool is_ip6)
{
	struct fw_flow flow = {
		.addr[0] = key[1],
		.ports = (__u32)key[0],
		.proto = (__u8)(key[0] >> FW_PROTO_SHIFT),
		.is_ip6 = is_ip6,
	};
	__u32 zero = 0;
	void *flows = bpf_map_lookup_elem(&fw_replies, &zero);
	__u64 *seen;

	if (!flows)
		return false;
	/* Of IPv4 the others are 0. */
	for (int i = 1; i < 4; i++)
		flow.addr[i] = key[1 + i];
	seen = bpf_map_lookup_elem(flows, &flow);
	return seen && bpf_ktime_get_ns() - *seen < get_reply_ns(config, flow.proto);
}

#endif
