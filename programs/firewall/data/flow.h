/* SPDX-License-Identifier: GPL-2.0-only */
/* Flows, by the key of fw_abi.h: that of a reply, as fw_flow_abi.h has it. */
#ifndef FW_DATA_FLOW_H
#define FW_DATA_FLOW_H

#include <stdbool.h>

#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "bpf/fw_flow_abi.h"
#include "programs/firewall/fw_abi.h"

/* linux/icmp.h takes libc's headers along, which BPF programs have not. */
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

/* Flags of the key's first word. */
#define FLOW_SYN 0x02
#define FLOW_RST 0x04
#define FLOW_ACK 0x10

static __always_inline __u8 get_proto(const __u64 *key)
{
	return key[0] >> FW_PROTO_SHIFT;
}

static __always_inline __u8 get_icmp_type(const __u64 *key)
{
	return key[0] >> (FW_DPORT_SHIFT + 8);
}

static __always_inline bool is_icmp(const __u64 *key)
{
	return get_proto(key) == IPPROTO_ICMP || get_proto(key) == IPPROTO_ICMPV6;
}

/* Whether there is enough of a packet to tell its flow: later parts lack ports. */
static __always_inline bool has_flow(const __u64 *key)
{
	__u8 proto = get_proto(key);

	return key[0] >> FW_PORTS_SHIFT & 1 ||
	       (proto != IPPROTO_TCP && proto != IPPROTO_UDP && !is_icmp(key));
}

/*
 * Whether the host's packet may begin a flow. Not what answers others: who sends from addresses
 * of his choice would else turn over all flows that are kept.
 */
static __always_inline bool is_asking(const __u64 *key)
{
	__u8 flags = key[0] >> FW_FLAGS_SHIFT;

	if (get_proto(key) == IPPROTO_ICMP)
		return has_flow(key) && get_icmp_type(key) == ICMP_ECHO;
	if (get_proto(key) == IPPROTO_ICMPV6)
		return has_flow(key) && get_icmp_type(key) == ICMPV6_ECHO_REQUEST;
	/* No flags but of TCP. */
	return has_flow(key) && !(flags & FLOW_RST) &&
	       (flags & (FLOW_SYN | FLOW_ACK)) != (FLOW_SYN | FLOW_ACK);
}

/* The flow of a packet that comes in. */
static __always_inline struct fw_flow get_flow(const __u64 *key, bool is_ip6)
{
	struct fw_flow flow = {
		.addr[0] = key[1],
		.ports = (__u32)key[0],
		.proto = get_proto(key),
		.is_ip6 = is_ip6,
	};

	for (int i = 1; is_ip6 && i < 4; i++)
		flow.addr[i] = key[1 + i];
	return flow;
}

/* The flow of a packet that goes out: that of its reply. */
static __always_inline struct fw_flow get_flow_back(const __u64 *key, bool is_ip6)
{
	struct fw_flow flow = {
		.addr[0] = key[1] << 32 | key[1] >> 32,
		.ports = (__u32)key[0] << 16 | (__u16)(key[0] >> FW_SPORT_SHIFT),
		.proto = get_proto(key),
		.is_ip6 = is_ip6,
	};

	for (int i = 0; is_ip6 && i < 4; i++)
		flow.addr[i] = key[1 + (i ^ 2)];
	if (is_icmp(key))
		flow.ports = (flow.proto == IPPROTO_ICMP ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY) << 8;
	return flow;
}

#endif
