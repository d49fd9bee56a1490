/* SPDX-License-Identifier: GPL-2.0-only */
/* Which VIP a packet is for. */
#ifndef LB_DATA_VIP_H
#define LB_DATA_VIP_H

#include "programs/lb/data/maps.h"
#include "programs/lb/data/packet.h"

static __always_inline __u32 address_word(const struct lb_packet *packet)
{
	const __u32 *dst = packet->dst;

	return packet->is_ip6 ? dst[0] ^ dst[1] ^ dst[2] ^ dst[3] : dst[0];
}

/* Whether there can be a VIP of the packet's address at all: what is none costs no look-up. */
static __always_inline bool may_be_vip(const struct lb_run *run, const struct lb_packet *packet)
{
	const struct lb_control *control = run->control;
	__u32 bit = LB_FILTER_BIT(address_word(packet));

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

static __always_inline __u32 vip_ports(const struct lb_packet *packet)
{
	return packet->dport | packet->proto << 16 | packet->is_ip6 << 24;
}

/* Where this CPU keeps what it knows of the packet's VIP. */
static __always_inline struct lb_known_vip *known_vip(const struct lb_run *run,
						      const struct lb_packet *packet)
{
	__u32 word = address_word(packet) ^ vip_ports(packet) * 0x85ebca6bU;

	return &run->known->vips[word * 2654435761U / (0x100000000ULL / KNOWN_VIPS)];
}

static __always_inline bool is_known(const struct lb_run *run, const struct lb_packet *packet,
				     const struct lb_known_vip *known)
{
	const __u32 *dst = packet->dst;

	if (known->stamp != run->stamp || known->ports != vip_ports(packet) ||
	    known->dst[0] != dst[0])
		return false;
	return !packet->is_ip6 ||
	       (known->dst[1] == dst[1] && known->dst[2] == dst[2] && known->dst[3] == dst[3]);
}

/* Asks the maps, and keeps the answer if there is a VIP. */
static __always_inline bool look_up_vip(const struct lb_run *run, const struct lb_packet *packet,
					struct lb_known_vip *known)
{
	__u32 has_all_ports = 0;
	struct lb_vip *vip;

	start_look_up(&known->stamp);
	vip = find_port(run, packet, packet->dport);
	if (!vip && run->control->flags & LB_HAS_ALL_PORTS) {
		vip = find_port(run, packet, 0);
		has_all_ports = 1;
	}
	if (!vip)
		return false;
	known->vip = *vip;
	known->has_all_ports = has_all_ports;
	known->ports = vip_ports(packet);
	encap_copy_address(packet->dst, known->dst);
	known->stamp = run->stamp;
	return true;
}

/* What the VIP does not tell flows apart by is taken from @packet. */
static __always_inline void hide_ports(const struct lb_run *run, struct lb_packet *packet,
				       const struct lb_known_vip *known)
{
	if (known->has_all_ports && !(known->vip.flags & (LB_DST_PORT_ONLY | LB_BOTH_PORTS)))
		packet->dport = 0;
	if (known->vip.flags & LB_NO_SRC_PORT)
		packet->sport = 0;
	packet->sport = join(run, packet->sport);
	packet->dport = join(run, packet->dport);
}

/*
 * find_vip - NULL if there is none. What the VIP does not tell flows apart by is taken from
 * @packet.
 */
static __always_inline const struct lb_vip *find_vip(const struct lb_run *run,
						     struct lb_packet *packet)
{
	struct lb_known_vip *known;

	if (!may_be_vip(run, packet))
		return NULL;
	known = known_vip(run, packet);
	if (!is_known(run, packet, known) && !look_up_vip(run, packet, known))
		return NULL;
	hide_ports(run, packet, known);
	packet->outer_sport = packet->sport;
	return &known->vip;
}

#endif
