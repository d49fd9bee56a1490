/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/lib/handoff_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/tls.h>

#include "loader/lib/base/cleanup.h"

#define WSCALE_MAX 14 /* RFC 7323, 2.3 */

struct handoff_state *handoff_state_new(void)
{
	return calloc(1, sizeof(struct handoff_state));
}

void handoff_queue_free(struct handoff_queue *queue)
{
	if (queue->bytes)
		explicit_bzero(queue->bytes, queue->len);
	free(queue->bytes);
	*queue = (struct handoff_queue){};
}

void handoff_state_free(struct handoff_state *state)
{
	if (!state)
		return;
	handoff_queue_free(&state->send);
	handoff_queue_free(&state->recv);
	explicit_bzero(state, sizeof(*state));
	free(state);
}

void handoff_state_strip(struct handoff_state *state)
{
	handoff_queue_free(&state->send);
	handoff_queue_free(&state->recv);
	state->unsent = 0;
	state->is_peer_closed = 0;
	state->has_tls = 0;
	explicit_bzero(&state->tx, sizeof(state->tx));
	explicit_bzero(&state->rx, sizeof(state->rx));
}

static uint8_t rest_of(size_t size)
{
	return (uint8_t)(size - sizeof(struct tls_crypto_info));
}

uint8_t handoff_tls_size(uint16_t version, uint16_t cipher)
{
	_Static_assert(sizeof(struct tls12_crypto_info_aes_gcm_256) -
				       sizeof(struct tls_crypto_info) <=
			       HANDOFF_TLS_MAX,
		       "the longest cipher has room");
	if (version != TLS_1_2_VERSION && version != TLS_1_3_VERSION)
		return 0;
	switch (cipher) {
	case TLS_CIPHER_AES_GCM_128:
		return rest_of(sizeof(struct tls12_crypto_info_aes_gcm_128));
	case TLS_CIPHER_AES_GCM_256:
		return rest_of(sizeof(struct tls12_crypto_info_aes_gcm_256));
	case TLS_CIPHER_CHACHA20_POLY1305:
		return rest_of(sizeof(struct tls12_crypto_info_chacha20_poly1305));
	default:
		return 0;
	}
}

/* --- as bytes ---------------------------------------------------------------------------------- */

/*
 * One description of the layout reads it, writes it, and counts its bytes: of those only what
 * reads changes the state.
 */
struct coder {
	enum {
		CODER_COUNT,
		CODER_WRITE,
		CODER_READ
	} what;
	uint8_t *at; /* not written where it reads */
	size_t used, size;
	int err;
};

static void code_bytes(struct coder *coder, void *bytes, size_t len)
{
	if (coder->what != CODER_COUNT && !coder->err && len > coder->size - coder->used)
		coder->err = -EBADMSG;
	if (coder->err)
		return;
	if (coder->what == CODER_WRITE && len)
		memcpy(coder->at + coder->used, bytes, len);
	if (coder->what == CODER_READ && len)
		memcpy(bytes, coder->at + coder->used, len);
	coder->used += len;
}

static void code_u8(struct coder *coder, uint8_t *number)
{
	code_bytes(coder, number, sizeof(*number));
}

static void code_u16(struct coder *coder, uint16_t *number)
{
	uint16_t wire = htons(*number);

	code_bytes(coder, &wire, sizeof(wire));
	if (coder->what == CODER_READ)
		*number = ntohs(wire);
}

static void code_u32(struct coder *coder, uint32_t *number)
{
	uint32_t wire = htonl(*number);

	code_bytes(coder, &wire, sizeof(wire));
	if (coder->what == CODER_READ)
		*number = ntohl(wire);
}

static void code_i32(struct coder *coder, int32_t *number)
{
	uint32_t same = (uint32_t)*number;

	code_u32(coder, &same);
	if (coder->what == CODER_READ)
		*number = (int32_t)same;
}

/* @wanted is what both sides know. */
static void code_fixed(struct coder *coder, uint32_t wanted, int err)
{
	uint32_t number = wanted;

	code_u32(coder, &number);
	if (!coder->err && number != wanted)
		coder->err = err;
}

static void code_queue(struct coder *coder, struct handoff_queue *queue)
{
	uint32_t len = queue->len;

	code_u32(coder, &len);
	if (coder->what != CODER_READ) {
		code_bytes(coder, queue->bytes, len);
		return;
	}
	if (!coder->err && (len > HANDOFF_QUEUE_MAX || len > coder->size - coder->used))
		coder->err = -EBADMSG;
	if (coder->err || !len)
		return;
	queue->bytes = malloc(len);
	if (!queue->bytes) {
		coder->err = -ENOMEM;
		return;
	}
	queue->len = len;
	code_bytes(coder, queue->bytes, len);
}

static void code_address(struct coder *coder, bool is_ip6, struct sockaddr_storage *address)
{
	struct sockaddr_in *ip4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)address;

	if (coder->what == CODER_READ)
		address->ss_family = is_ip6 ? AF_INET6 : AF_INET;
	if (!is_ip6) {
		code_bytes(coder, &ip4->sin_addr, sizeof(ip4->sin_addr));
		code_bytes(coder, &ip4->sin_port, sizeof(ip4->sin_port));
		return;
	}
	code_bytes(coder, &ip6->sin6_addr, sizeof(ip6->sin6_addr));
	code_bytes(coder, &ip6->sin6_port, sizeof(ip6->sin6_port));
}

static void code_tls(struct coder *coder, struct handoff_tls *tls)
{
	uint8_t len;

	code_u16(coder, &tls->version);
	code_u16(coder, &tls->cipher);
	len = handoff_tls_size(tls->version, tls->cipher);
	if (!coder->err && !len)
		coder->err = -EBADMSG;
	code_bytes(coder, tls->rest, len);
	if (coder->what == CODER_READ)
		tls->len = len;
}

static void code_state(struct coder *coder, struct handoff_state *state)
{
	uint8_t is_ip6 = state->local.ss_family == AF_INET6;

	code_fixed(coder, HANDOFF_STATE_MAGIC, -EBADMSG);
	code_fixed(coder, HANDOFF_STATE_VERSION, -EPROTONOSUPPORT);
	code_u8(coder, &is_ip6);
	code_u8(coder, &state->is_peer_closed);
	code_u8(coder, &state->has_tls);
	code_address(coder, is_ip6, &state->local);
	code_address(coder, is_ip6, &state->peer);
	code_u32(coder, &state->send_seq);
	code_u32(coder, &state->recv_seq);
	code_u32(coder, &state->unsent);
	code_u32(coder, &state->negotiated);
	code_u32(coder, &state->mss);
	code_u32(coder, &state->timestamp);
	code_u8(coder, &state->send_wscale);
	code_u8(coder, &state->recv_wscale);
	code_u32(coder, &state->window_from);
	code_u32(coder, &state->send_window);
	code_u32(coder, &state->send_window_max);
	code_u32(coder, &state->recv_window);
	code_u32(coder, &state->recv_window_from);
	code_u32(coder, &state->send_room);
	code_u32(coder, &state->recv_room);
	for (int i = 0; i < HANDOFF_OPTION_COUNT; i++)
		code_i32(coder, &state->options[i]);
	code_bytes(coder, state->congestion, sizeof(state->congestion));
	if (state->has_tls) {
		code_tls(coder, &state->tx);
		code_tls(coder, &state->rx);
	}
	code_queue(coder, &state->send);
	code_queue(coder, &state->recv);
	if (!coder->err && is_ip6 > 1)
		coder->err = -EBADMSG;
}

/* What no socket can have, or no socket must be made of. */
static bool is_sound(const struct handoff_state *state)
{
	bool has_queue = state->send.len || state->recv.len;

	return state->is_peer_closed <= 1 && state->has_tls <= 1 &&
	       state->unsent <= state->send.len && !(state->negotiated & ~HANDOFF_NEGOTIATED) &&
	       state->send_wscale <= WSCALE_MAX && state->recv_wscale <= WSCALE_MAX && state->mss &&
	       state->mss <= UINT16_MAX &&
	       memchr(state->congestion, '\0', sizeof(state->congestion)) &&
	       !(state->has_tls && (has_queue || state->is_peer_closed));
}

/* A coder that does not read leaves all of it alone: threads may share a state. */
static struct handoff_state *unconst(const struct handoff_state *state)
{
	return (struct handoff_state *)(uintptr_t)state;
}

size_t handoff_state_size(const struct handoff_state *state)
{
	struct coder coder = { .what = CODER_COUNT };

	code_state(&coder, unconst(state));
	return coder.used;
}

int handoff_state_format(const struct handoff_state *state, void *buffer, size_t size)
{
	struct coder coder = { .what = CODER_WRITE, .at = buffer, .size = size };

	if (handoff_state_size(state) > size)
		return -ENOSPC;
	code_state(&coder, unconst(state));
	return coder.err;
}

int handoff_state_parse(const void *buffer, size_t size, struct handoff_state **ret_state)
{
	struct coder coder = {
		.what = CODER_READ,
		.at = (uint8_t *)(uintptr_t)buffer,
		.size = size,
	};
	_cleanup_(handoff_state_cleanup) struct handoff_state *state = handoff_state_new();

	if (!state)
		return -ENOMEM;
	code_state(&coder, state);
	if (coder.err)
		return coder.err;
	if (coder.used != size || !is_sound(state))
		return -EBADMSG;
	*ret_state = TAKE_PTR(state);
	return 0;
}

void handoff_state_get(const struct handoff_state *state, struct handoff_state_info *ret_info)
{
	*ret_info = (struct handoff_state_info){
		.local = state->local,
		.peer = state->peer,
		.unacked = state->send.len - state->unsent,
		.unsent = state->unsent,
		.unread = state->recv.len,
		.has_tls = state->has_tls,
		.is_peer_closed = state->is_peer_closed,
	};
}
