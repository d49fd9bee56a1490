/* SPDX-License-Identifier: GPL-2.0-only */
/* Ids that packets carry, and that name the server whatever the flow's tuple has become. */
#ifndef LB_DATA_IDS_H
#define LB_DATA_IDS_H

#include "bpf/tcp_id.h"
#include "programs/lb/data/choose.h"

/*
 * QUIC (RFC 9000): where a header has its destination connection id, and how many bytes
 * of the packet have to be there for one to be read. Ids shorter than 8 are no servers'.
 */
#define QUIC_LONG 0x80
#define QUIC_TYPE 0x30
#define QUIC_HANDSHAKE 0x20 /* Initial and 0-RTT are below: their id is the client's */
#define QUIC_LONG_ID 6
#define QUIC_SHORT_ID 1
#define QUIC_ID_LEN 8

#define STABLE_TYPE 0x52

/* The id in a connection id; 0: there is none. Ids with the top bit count as none, as there. */
static __always_inline __u32 read_quic_id(const struct lb_run *run, const __u8 *id)
{
	__u32 version = id[0] >> 6, server = 0;

	if (version == 1)
		server = (id[0] & 0x3f) << 10 | id[1] << 2 | id[2] >> 6;
	else if (version == 2)
		server = id[1] << 16 | id[2] << 8 | id[3];
	else if (version == 3)
		server = (__u32)id[1] << 24 | id[2] << 16 | id[3] << 8 | id[4];
	if ((__s32)server <= 0)
		return 0;
	run->count[LB_QUIC_V0 + version]++;
	return server;
}

/* The id of a server in a QUIC packet, or 0. */
static __always_inline __u32 find_quic_id(const struct lb_run *run, const struct lb_packet *packet)
{
	const __u8 *quic = packet_at(run, packet->offset + sizeof(struct udphdr));

	if ((void *)(quic + QUIC_SHORT_ID + QUIC_ID_LEN) > packet_end(run))
		return 0;
	if (!(quic[0] & QUIC_LONG))
		return read_quic_id(run, quic + QUIC_SHORT_ID);
	if ((void *)(quic + QUIC_LONG_ID + QUIC_ID_LEN) > packet_end(run))
		return 0;
	if ((quic[0] & QUIC_TYPE) < QUIC_HANDSHAKE) {
		run->count[LB_QUIC_INITIAL]++;
		return 0;
	}
	if (quic[QUIC_LONG_ID - 1] < QUIC_ID_LEN)
		return 0;
	return read_quic_id(run, quic + QUIC_LONG_ID);
}

/* The id in front of a UDP payload, or 0. */
static __always_inline __u32 find_stable_id(const struct lb_run *run,
					    const struct lb_packet *packet)
{
	const __u8 *payload = packet_at(run, packet->offset + sizeof(struct udphdr));

	if ((void *)(payload + 4) > packet_end(run) || payload[0] != STABLE_TYPE)
		return 0;
	return payload[1] << 16 | payload[2] << 8 | payload[3];
}

/*
 * lb_tcp_id - the id in the TCP option, in the byte order of the host that wrote it, or 0.
 * @offset is the TCP header's. Global, as tcp_id_find() asks for.
 */
__noinline __u32 lb_tcp_id(struct xdp_md *ctx, __u32 offset)
{
	struct tcphdr *tcp = (void *)(long)ctx->data + (offset & PACKET_OFFSET_MASK);

	return tcp_id_find(tcp, (void *)(long)ctx->data_end, lb_config.tcp_option_kind,
			   lb_config.tcp_option_magic);
}

/* The real of the server @id, or 0. */
static __always_inline __u32 find_server(const struct lb_run *run, __u32 id)
{
	struct lb_known_id *known = &run->known->ids[id % KNOWN_IDS];
	__u32 *index;

	if (known->stamp == run->stamp && known->id == id)
		return known->index;
	if (!id)
		return 0;
	start_look_up(&known->stamp);
	index = bpf_map_lookup_elem(&lb_server_ids, &id);
	if (!index)
		return 0;
	known->id = id;
	known->index = *index;
	known->stamp = run->stamp;
	return known->index;
}

/* What an id said goes into the flow table too. Returns the event that this was. */
static __always_inline enum lb_counter update_flow(const struct lb_run *run,
						   const struct lb_packet *packet,
						   const struct lb_vip *vip,
						   const struct lb_choice *choice)
{
	struct lb_place place = {};
	bool flooded;
	__u64 known;

	if (!find_place(run, packet, &place))
		return LB_QUIC_NEW;
	known = recall_flow(run, &place);
	/* Of another epoch it was another real's: choose_by_table() would not follow it. */
	if ((known & LB_FLOW_REAL) == choice->index && (__u8)(known >> 24) == choice->real->epoch)
		return LB_QUIC_SAME;
	flooded = !known && is_flooded(run, place.now);
	if (!flooded && can_record(packet) && !(vip->flags & LB_NO_TABLE))
		record_flow(&place, choice->real, choice->index);
	return known ? LB_QUIC_OTHER : LB_QUIC_NEW;
}

static __always_inline int choose_by_quic(const struct lb_run *run, const struct lb_packet *packet,
					  const struct lb_vip *vip, struct lb_choice *choice)
{
	__u32 id = find_quic_id(run, packet);

	choice->index = find_server(run, id);
	if (!choice->index) {
		if (id)
			run->count[LB_QUIC_BAD_ID]++;
		run->count[LB_QUIC_BY_HASH]++;
		return LB_GO_ON;
	}
	choice->real = find_real(choice->index);
	if (!choice->real)
		return LB_QUIC_NO_REAL;
	run->count[LB_QUIC_BY_ID]++;
	run->count[update_flow(run, packet, vip, choice)]++;
	return LB_GO_ON;
}

static __always_inline int
choose_by_stable(const struct lb_run *run, const struct lb_packet *packet, struct lb_choice *choice)
{
	__u32 id = find_stable_id(run, packet);

	choice->index = find_server(run, id);
	choice->real = choice->index ? find_real(choice->index) : NULL;
	if (choice->index && !choice->real)
		return LB_UNKNOWN_REAL;
	if (id && !choice->real)
		run->count[LB_STABLE_BAD_ID]++;
	run->count[choice->real ? LB_STABLE_BY_ID : LB_STABLE_BY_HASH]++;
	return LB_GO_ON;
}

/* A SYN has no id yet, and where the ring alone decides the table need not hear of it. */
static __always_inline void choose_by_tcp(const struct lb_run *run, const struct lb_packet *packet,
					  const struct lb_vip *vip, struct lb_choice *choice)
{
	__u32 id;

	if (packet->flags & PACKET_SYN) {
		run->count[LB_TCP_ID_SYN]++;
		return;
	}
	id = lb_tcp_id(run->ctx, packet->offset);
	choice->index = find_server(run, id);
	choice->real = choice->index ? find_real(choice->index) : NULL;
	if (id && !choice->real)
		run->count[LB_TCP_ID_BAD_ID]++;
	run->count[choice->real ? LB_TCP_ID_BY_ID : LB_TCP_ID_BY_HASH]++;
	if (choice->real && !has_transitions(packet, vip) &&
	    update_flow(run, packet, vip, choice) == LB_QUIC_OTHER)
		run->count[LB_TCP_ID_OTHER]++;
}

/* choose_by_id - leaves choice->real NULL where the packet carries no server's id. */
static __always_inline int choose_by_id(const struct lb_run *run, const struct lb_packet *packet,
					const struct lb_vip *vip, struct lb_choice *choice)
{
	int ret = LB_GO_ON;

	/* The bytes behind an ICMP error's quoted ports may be missing. */
	if (packet->flags & PACKET_ICMP)
		return LB_GO_ON;
	if (!(packet->flags & PACKET_UDP)) {
		if (lb_config.tcp_server_id)
			choose_by_tcp(run, packet, vip, choice);
		return LB_GO_ON;
	}
	if (vip->flags & LB_QUIC)
		ret = choose_by_quic(run, packet, vip, choice);
	if (ret == LB_GO_ON && !choice->real && vip->flags & LB_STABLE_ROUTING)
		ret = choose_by_stable(run, packet, choice);
	return ret;
}

#endif
