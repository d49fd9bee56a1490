/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of a connection that belongs to no socket, and the same as bytes. Pure: no
 * system call but for memory.
 */
#ifndef HANDOFF_STATE_H
#define HANDOFF_STATE_H

#include <netinet/in.h>

#include "programs/handoff/lib/handoff.h"

/* Bytes that handoff_state_format() writes begin so; another layout has another number. */
#define HANDOFF_STATE_MAGIC 0x484f5354U
#define HANDOFF_STATE_VERSION 1

/* What is negotiated, as TCP_INFO has it (TCPI_OPT_...). */
#define HANDOFF_TIMESTAMPS 0x1U
#define HANDOFF_SACK 0x2U
#define HANDOFF_WSCALE 0x4U
#define HANDOFF_NEGOTIATED 0x7U

#define HANDOFF_CONGESTION_MAX 16 /* TCP_CA_NAME_MAX */
/* The longest struct tls12_crypto_info_... that is taken, after its struct tls_crypto_info. */
#define HANDOFF_TLS_MAX 52

/* Socket options that go along; the order is part of the layout. */
enum handoff_option {
	HANDOFF_NODELAY,
	HANDOFF_KEEPALIVE,
	HANDOFF_KEEPIDLE,
	HANDOFF_KEEPINTVL,
	HANDOFF_KEEPCNT,
	HANDOFF_USER_TIMEOUT,
	HANDOFF_NOTSENT_LOWAT,
	HANDOFF_TOS, /* of IPv6: the traffic class */
	HANDOFF_OPTION_COUNT,
};

struct handoff_queue {
	uint8_t *bytes;
	uint32_t len;
};

/* One direction of kTLS; keys. */
struct handoff_tls {
	uint16_t version, cipher; /* as in struct tls_crypto_info */
	uint8_t len;		  /* of @rest: the cipher's own */
	uint8_t rest[HANDOFF_TLS_MAX];
};

struct handoff_state {
	struct sockaddr_storage local, peer; /* AF_INET or AF_INET6, the same */
	uint32_t send_seq;		     /* of the first byte of @send: the peer's next ACK */
	uint32_t recv_seq;		     /* of the next byte from the peer, after @recv */
	uint32_t unsent;		     /* of the bytes of @send */
	uint32_t negotiated;
	uint32_t mss; /* that the peer named */
	uint32_t timestamp;
	uint8_t send_wscale, recv_wscale;
	uint8_t is_peer_closed;
	/* struct tcp_repair_window */
	uint32_t window_from, send_window, send_window_max, recv_window, recv_window_from;
	/* The socket's buffers as they have grown: SO_SNDBUF, SO_RCVBUF. */
	uint32_t send_room, recv_room;
	int32_t options[HANDOFF_OPTION_COUNT];
	char congestion[HANDOFF_CONGESTION_MAX]; /* "": the host's own */
	uint8_t has_tls;
	struct handoff_tls tx, rx;
	struct handoff_queue send, recv;
};

/* handoff_state_new - all of it 0, to handoff_state_free(). NULL for lack of memory. */
struct handoff_state *handoff_state_new(void);

/* handoff_state_cleanup - for _cleanup_(). */
static inline void handoff_state_cleanup(struct handoff_state **state)
{
	handoff_state_free(*state);
}

/* handoff_queue_free - wipe and free. */
void handoff_queue_free(struct handoff_queue *queue);

/* handoff_tls_size - of @cipher's part after struct tls_crypto_info; 0: none that is taken. */
uint8_t handoff_tls_size(uint16_t version, uint16_t cipher);

#endif
