/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests/support/tools/flow_client and flow_server say to each other: UDP whose requests have
 * heads as QUIC's, so that who steers by connection ids can steer them. A flow begins with a
 * long header (Initial), is welcomed with an id, and asks with short headers that carry it.
 * Both ends run on one machine: messages are in its byte order.
 */
#ifndef TESTS_SUPPORT_SOCK_FLOW_H
#define TESTS_SUPPORT_SOCK_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FLOW_MAGIC 0x776f6c66u
#define FLOW_ID_SIZE 8
#define FLOW_LONG_HEAD (1 + 4 + 1 + FLOW_ID_SIZE + 1 + FLOW_ID_SIZE)
#define FLOW_SHORT_HEAD (1 + FLOW_ID_SIZE)
#define FLOW_PACKET_MAX 1500

enum flow_kind {
	FLOW_HELLO,   /* begins a flow */
	FLOW_WELCOME, /* its answer, with the flow's id */
	FLOW_ASK,
	FLOW_ANSWER,
	FLOW_BYE,     /* ends the flow, no answer */
	FLOW_UNKNOWN, /* an ask that reached a process which does not know the flow */
};

struct flow_message {
	uint32_t magic;
	uint32_t kind; /* enum flow_kind */
	uint32_t sequence;
	uint32_t generation; /* of the process that answers */
	uint8_t id[FLOW_ID_SIZE];
};

/*
 * An id as mvfst's first version has them: two bits version, 16 host, 8 worker, one process. In
 * its last four bytes, which are free, stands the generation of the process that made it: by
 * that a process knows its own flows, also when a later one has the same process bit.
 */
static inline void flow_id_write(uint8_t *id, unsigned int process, unsigned int worker,
				 uint32_t generation)
{
	id[0] = 0x40;
	id[1] = 0;
	id[2] = (worker >> 2) & 0x3f;
	id[3] = (uint8_t)((worker & 3) << 6 | (process & 1) << 5);
	memcpy(id + 4, &generation, sizeof(generation));
}

static inline unsigned int flow_id_process(const uint8_t *id)
{
	return id[3] >> 5 & 1;
}

static inline unsigned int flow_id_worker(const uint8_t *id)
{
	return (id[2] & 0x3fu) << 2 | id[3] >> 6;
}

static inline uint32_t flow_id_generation(const uint8_t *id)
{
	uint32_t generation;

	memcpy(&generation, id + 4, sizeof(generation));
	return generation;
}

/* The length of the head, written to a packet: a long one where there is no id yet. */
static inline size_t flow_head_write(uint8_t *packet, const uint8_t *id, uint32_t random)
{
	if (id) {
		packet[0] = 0x40;
		memcpy(packet + 1, id, FLOW_ID_SIZE);
		return FLOW_SHORT_HEAD;
	}
	memset(packet, 0, FLOW_LONG_HEAD);
	packet[0] = 0xc0;
	packet[4] = 1; /* QUIC version 1 */
	packet[5] = FLOW_ID_SIZE;
	memcpy(packet + 6, &random, sizeof(random));
	packet[6 + FLOW_ID_SIZE] = FLOW_ID_SIZE;
	return FLOW_LONG_HEAD;
}

/* Whether it is a request; the id is NULL with a long head. Nothing is aligned in a packet. */
static inline bool is_flow_request(const uint8_t *packet, size_t len, const uint8_t **ret_id,
				   struct flow_message *ret_message)
{
	size_t head = len && packet[0] & 0x80 ? FLOW_LONG_HEAD : FLOW_SHORT_HEAD;

	if (len < head + sizeof(*ret_message))
		return false;
	memcpy(ret_message, packet + head, sizeof(*ret_message));
	*ret_id = head == FLOW_LONG_HEAD ? NULL : packet + 1;
	return ret_message->magic == FLOW_MAGIC;
}

#endif
