/* SPDX-License-Identifier: GPL-2.0-only */
/* Which VIP a packet is for. */
#ifndef LB_DATA_VIP_H
#define LB_DATA_VIP_H

#include "programs/lb/data/packet.h"

/* Whether there can be a VIP of the packet's address at all: what is none costs no look-up. */
static __always_inline bool may_be_vip(const struct lb_run *run, const struct lb_packet *packet)
{
	const struct lb_control *control = run->control;
	__u32 word = packet->dst[0], bit;

	if (packet->is_ip6)
		word ^= packet->dst[1] ^ packet->dst[2] ^ packet->dst[3];
	bit = LB_FILTER_BIT(word);
	return control->filter[bit / 64] >> bit % 64 & 1 || control->flags & LB_HAS_CIDRS;
}

static __always_inline struct lb_vip *find_cidr4(const struct lb_packet *packet, __be16 port)
{
	struct lb_cidr4_key key = {
		.prefix_len = 64,
		.port = port,
		.proto = packet->proto,
		.addr = packet->dst[0],
	};

	return bpf_map_lookup_elem(&lb_cidrs4, &key);
}

static __always_inline struct lb_vip *find_cidr6(const struct lb_packet *packet, __be16 port)
{
	struct lb_cidr6_key key = {
		.prefix_len = 32 + 128,
		.port = port,
		.proto = packet->proto,
	};

	__builtin_memcpy(key.addr, packet->dst, sizeof(key.addr));
	return bpf_map_lookup_elem(&lb_cidrs6, &key);
}

static __always_inline struct lb_vip *find_exact4(const struct lb_packet *packet, __be16 port)
{
	struct lb_vip4_key key = {
		.addr = packet->dst[0],
		.port = port,
		.proto = packet->proto,
	};

	return bpf_map_lookup_elem(&lb_vips4, &key);
}

static __always_inline struct lb_vip *find_exact6(const struct lb_packet *packet, __be16 port)
{
	struct lb_vip6_key key = { .port = port, .proto = packet->proto };

	__builtin_memcpy(key.addr, packet->dst, sizeof(key.addr));
	return bpf_map_lookup_elem(&lb_vips6, &key);
}

/* A VIP with just this port, by its address, else by the longest prefix. */
static __always_inline struct lb_vip *find_port(const struct lb_run *run,
						const struct lb_packet *packet, __be16 port)
{
	struct lb_vip *vip;

	vip = packet->is_ip6 ? find_exact6(packet, port) : find_exact4(packet, port);
	if (vip || !(run->control->flags & LB_HAS_CIDRS))
		return vip;
	return packet->is_ip6 ? find_cidr6(packet, port) : find_cidr4(packet, port);
}

/*
 * find_vip - a copy of the VIP; false if there is none. What the VIP does not tell flows
 * apart by is taken from @packet.
 */
static __always_inline bool find_vip(const struct lb_run *run, struct lb_packet *packet,
				     struct lb_vip *ret_vip)
{
	struct lb_vip *vip;

	if (!may_be_vip(run, packet))
		return false;
	vip = find_port(run, packet, packet->dport);
	if (!vip && run->control->flags & LB_HAS_ALL_PORTS) {
		vip = find_port(run, packet, 0);
		if (vip && !(vip->flags & (LB_DST_PORT_ONLY | LB_BOTH_PORTS)))
			packet->dport = 0;
	}
	if (!vip)
		return false;
	*ret_vip = *vip;
	if (vip->flags & LB_NO_SRC_PORT)
		packet->sport = 0;
	packet->sport = join(run, packet->sport);
	packet->dport = join(run, packet->dport);
	packet->outer_sport = packet->sport;
	return true;
}

#endif
