/* SPDX-License-Identifier: GPL-2.0-only */
/* What a QUIC packet says of where it belongs (RFC 8999, 9000, 9369). */
#ifndef SOCKET_LB_DATA_QUIC_H
#define SOCKET_LB_DATA_QUIC_H

#include <stdbool.h>

#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "bpf/socket_lb/data/enter.h"

#define QUIC_LONG 0x80
#define QUIC_TYPE(first) ((first) >> 4 & 3)
#define QUIC_V1 0x00000001
#define QUIC_V2 0x6b3343cf
/* Drafts of version 1, and mvfst's own versions, have its packet types. */
#define QUIC_DRAFT 0xff000000
#define QUIC_MVFST 0xfaceb000
#define QUIC_FAMILY 0xffffff00

#define QUIC_LONG_VERSION 1
#define QUIC_LONG_ID_LEN 5
#define QUIC_LONG_ID 6
#define QUIC_SHORT_ID 1
/* Up to the end of the longest connection id; the room is a power of two beyond. */
#define QUIC_HEAD_MAX (QUIC_LONG_ID + SL_CID_LEN_MAX)
#define QUIC_ROOM 32

enum quic_kind {
	QUIC_BAD,   /* no id that names anybody */
	QUIC_FIRST, /* may begin a connection: Initial, 0-RTT, a version that is not known */
	QUIC_KNOWN, /* instance and worker are the id's */
};

struct quic_packet {
	enum quic_kind kind;
	__u32 instance;
	__u32 want; /* of sl_enter() */
};

static __always_inline bool is_first(__u8 first, __u32 version)
{
	__u32 type = QUIC_TYPE(first), family = version & QUIC_FAMILY;

	if (version == QUIC_V2)
		return type == 1 || type == 2;
	if (version == QUIC_V1 || family == QUIC_DRAFT || family == QUIC_MVFST)
		return type < 2;
	return true;
}

/* read_id - the fields of the id of @len bytes that begins at @at in @head. */
static __always_inline void read_id(const struct sl_vip *vip, const __u8 *head, __u32 at, __u32 len,
				    struct quic_packet *quic)
{
	const struct sl_cid_variant *variant = &vip->cid[SL_CID_VARIANT(head[at])];
	__u32 byte, worker;

	if (!variant->len || len < variant->len)
		return;
	byte = at + (variant->process_bit >> 3);
	quic->instance = head[byte % QUIC_ROOM] >> (7 - (variant->process_bit & 7)) & 1;
	quic->kind = QUIC_KNOWN;
	quic->want = WANT_POLICY;
	if (!variant->worker_bits)
		return;
	byte = at + (variant->worker_bit >> 3);
	worker = head[byte % QUIC_ROOM] << 8 | head[(byte + 1) % QUIC_ROOM];
	worker >>= (16 - (variant->worker_bit & 7) - variant->worker_bits) & 15;
	quic->want = WANT_WORKER | (worker & (WANT_NUMBER >> ((8 - variant->worker_bits) & 7)));
}

/* read_quic - the packet's kind; bytes behind its end count as not there. */
static __always_inline void read_quic(const struct sl_run *run, struct quic_packet *quic)
{
	__u8 head[QUIC_ROOM] = {};
	__u32 len = run->md->len, rest, version;

	quic->kind = QUIC_BAD;
	if (len <= sizeof(struct udphdr))
		return;
	/* Linux 6.12 and older follow that 1 was added, and not that a length is not 0. */
	rest = len - sizeof(struct udphdr) - 1;
	if (rest >= QUIC_HEAD_MAX)
		rest = QUIC_HEAD_MAX - 1;
	barrier_var(rest);
	if (rest >= QUIC_HEAD_MAX)
		return;
	len = rest + 1;
	if (bpf_skb_load_bytes(run->md, sizeof(struct udphdr), head, len))
		return;
	if (!(head[0] & QUIC_LONG)) {
		read_id(run->vip, head, QUIC_SHORT_ID, len - QUIC_SHORT_ID, quic);
		return;
	}
	if (len < QUIC_LONG_ID || len - QUIC_LONG_ID < head[QUIC_LONG_ID_LEN])
		return;
	__builtin_memcpy(&version, head + QUIC_LONG_VERSION, sizeof(version));
	if (is_first(head[0], bpf_ntohl(version)))
		quic->kind = QUIC_FIRST;
	else
		read_id(run->vip, head, QUIC_LONG_ID, head[QUIC_LONG_ID_LEN], quic);
}

#endif
