/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection's state as bytes: the same when read again, and nothing else is read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/tls.h>

#include "programs/handoff/lib/handoff_state.h"
#include "tests/support/draw.h"
#include "tests/support/tap.h"

#define DRAWS 300
#define QUEUE_MAX 3000

static uint64_t drawn;

static void draw_bytes(void *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = (uint8_t)draw_number(&drawn);
}

static void draw_queue(struct handoff_queue *queue)
{
	queue->len = draw_below(&drawn, QUEUE_MAX);
	queue->bytes = queue->len ? malloc(queue->len) : NULL;
	if (queue->len)
		draw_bytes(queue->bytes, queue->len);
}

static void draw_tls(struct handoff_tls *tls)
{
	static const uint16_t ciphers[] = { TLS_CIPHER_AES_GCM_128, TLS_CIPHER_AES_GCM_256,
					    TLS_CIPHER_CHACHA20_POLY1305 };

	tls->version = draw_below(&drawn, 2) ? TLS_1_3_VERSION : TLS_1_2_VERSION;
	tls->cipher = ciphers[draw_below(&drawn, 3)];
	tls->len = handoff_tls_size(tls->version, tls->cipher);
	draw_bytes(tls->rest, tls->len);
}

static void draw_address(struct sockaddr_storage *address, int family)
{
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *ip4 = (struct sockaddr_in *)address;

	address->ss_family = (sa_family_t)family;
	if (family == AF_INET6) {
		draw_bytes(&ip6->sin6_addr, sizeof(ip6->sin6_addr));
		ip6->sin6_port = (in_port_t)draw_number(&drawn);
		return;
	}
	draw_bytes(&ip4->sin_addr, sizeof(ip4->sin_addr));
	ip4->sin_port = (in_port_t)draw_number(&drawn);
}

static struct handoff_state *draw_state(bool has_tls)
{
	int family = draw_below(&drawn, 2) ? AF_INET6 : AF_INET;
	struct handoff_state *state = handoff_state_new();

	assert_non_null(state);
	/* All numbers at once, and then those that are not any number. */
	draw_bytes(&state->send_seq, offsetof(struct handoff_state, congestion) -
					     offsetof(struct handoff_state, send_seq));
	draw_address(&state->local, family);
	draw_address(&state->peer, family);
	state->negotiated &= HANDOFF_NEGOTIATED;
	state->mss = 1 + draw_below(&drawn, UINT16_MAX);
	state->send_wscale %= 15;
	state->recv_wscale %= 15;
	state->is_peer_closed &= !has_tls;
	state->unsent = 0;
	strcpy(state->congestion, "cubic");
	state->has_tls = has_tls;
	if (has_tls) {
		draw_tls(&state->tx);
		draw_tls(&state->rx);
		return state;
	}
	draw_queue(&state->send);
	draw_queue(&state->recv);
	state->unsent = draw_below(&drawn, state->send.len + 1);
	return state;
}

/* Of just its size, so that the sanitizer sees a byte too many. */
static uint8_t *format(const struct handoff_state *state, size_t *ret_size)
{
	uint8_t *bytes;

	*ret_size = handoff_state_size(state);
	bytes = malloc(*ret_size);
	assert_non_null(bytes);
	assert_int_equal(handoff_state_format(state, bytes, *ret_size - 1), -ENOSPC);
	assert_int_equal(handoff_state_format(state, bytes, *ret_size), 0);
	return bytes;
}

static void assert_same_queue(const struct handoff_queue *a, const struct handoff_queue *b)
{
	assert_int_equal(a->len, b->len);
	if (a->len)
		assert_memory_equal(a->bytes, b->bytes, a->len);
}

static void what_was_written_is_read(void **row)
{
	(void)row;
	for (int i = 0; i < DRAWS; i++) {
		struct handoff_state *state = draw_state(i % 3 == 0), *same = NULL;
		struct handoff_state_info info;
		size_t size, again_size;
		uint8_t *bytes = format(state, &size), *again;

		assert_int_equal(handoff_state_parse(bytes, size, &same), 0);
		again = format(same, &again_size);
		assert_int_equal(again_size, size);
		assert_memory_equal(again, bytes, size);
		assert_int_equal(same->send_seq, state->send_seq);
		assert_int_equal(same->options[HANDOFF_TOS], state->options[HANDOFF_TOS]);
		assert_memory_equal(&same->peer, &state->peer, sizeof(same->peer));
		assert_memory_equal(&same->rx, &state->rx, sizeof(same->rx));
		assert_same_queue(&same->send, &state->send);
		assert_same_queue(&same->recv, &state->recv);
		handoff_state_get(same, &info);
		assert_int_equal(info.unacked + info.unsent, state->send.len);
		assert_int_equal(info.unread, state->recv.len);
		assert_int_equal(info.has_tls, state->has_tls);
		handoff_state_free(same);
		handoff_state_free(state);
		free(bytes);
		free(again);
	}
}

static void no_part_of_it_is_read(void **row)
{
	struct handoff_state *state = draw_state(false), *none = NULL;
	size_t size;
	uint8_t *bytes = format(state, &size), *part;

	(void)row;
	for (size_t len = 0; len < size; len++) {
		part = malloc(len + 1);
		assert_non_null(part);
		memcpy(part, bytes, len);
		assert_int_equal(handoff_state_parse(part, len, &none), -EBADMSG);
		free(part);
	}
	assert_null(none);
	handoff_state_free(state);
	free(bytes);
}

static void a_byte_behind_it_is_refused(void **row)
{
	struct handoff_state *state = draw_state(true), *none = NULL;
	size_t size;
	uint8_t *bytes = format(state, &size), *longer = calloc(1, size + 1);

	(void)row;
	assert_non_null(longer);
	memcpy(longer, bytes, size);
	assert_int_equal(handoff_state_parse(longer, size + 1, &none), -EBADMSG);
	handoff_state_free(state);
	free(longer);
	free(bytes);
}

static void another_version_is_named_so(void **row)
{
	struct handoff_state *state = draw_state(false), *none = NULL;
	size_t size;
	uint8_t *bytes = format(state, &size);

	(void)row;
	bytes[7]++;
	assert_int_equal(handoff_state_parse(bytes, size, &none), -EPROTONOSUPPORT);
	bytes[0]++;
	assert_int_equal(handoff_state_parse(bytes, size, &none), -EBADMSG);
	handoff_state_free(state);
	free(bytes);
}

/* --- states that no socket has ----------------------------------------------------------------- */

static void spoil_scale(struct handoff_state *state)
{
	state->recv_wscale = 15;
}

static void spoil_unsent(struct handoff_state *state)
{
	state->unsent = state->send.len + 1;
}

static void spoil_mss(struct handoff_state *state)
{
	state->mss = 0;
}

static void spoil_negotiated(struct handoff_state *state)
{
	state->negotiated = 8;
}

static void spoil_congestion(struct handoff_state *state)
{
	memset(state->congestion, 'c', sizeof(state->congestion));
}

static void spoil_tls_queue(struct handoff_state *state)
{
	state->has_tls = 1;
	state->is_peer_closed = 0;
	draw_tls(&state->tx);
	draw_tls(&state->rx);
	while (!state->recv.len)
		draw_queue(&state->recv);
}

static const struct spoilt {
	const char *name;
	void (*spoil)(struct handoff_state *state);
} spoilt[] = {
	{ "a window scale above 14 is refused", spoil_scale },
	{ "more unsent bytes than there are is refused", spoil_unsent },
	{ "a segment size of 0 is refused", spoil_mss },
	{ "an option that is not known is refused", spoil_negotiated },
	{ "a name without an end is refused", spoil_congestion },
	{ "kTLS with bytes in a queue is refused", spoil_tls_queue },
};

static void what_no_socket_has_is_refused(void **row)
{
	const struct spoilt *way = *row;
	struct handoff_state *state = draw_state(false), *none = NULL;
	size_t size;
	uint8_t *bytes;

	way->spoil(state);
	bytes = format(state, &size);
	assert_int_equal(handoff_state_parse(bytes, size, &none), -EBADMSG);
	assert_null(none);
	handoff_state_free(state);
	free(bytes);
}

/* Behind the last key there are two empty queues. */
static void an_unknown_cipher_is_refused(void **row)
{
	struct handoff_state *state = draw_state(true), *none = NULL;
	size_t size, at;
	uint8_t *bytes = format(state, &size);

	(void)row;
	at = size - 2 * sizeof(uint32_t) - state->rx.len - 1;
	assert_int_equal(bytes[at], state->rx.cipher);
	bytes[at] = TLS_CIPHER_AES_CCM_128;
	assert_int_equal(handoff_state_parse(bytes, size, &none), -EBADMSG);
	state->rx.cipher = TLS_CIPHER_AES_CCM_128;
	assert_int_equal(handoff_state_format(state, bytes, size), -EBADMSG);
	handoff_state_free(state);
	free(bytes);
}

int main(void)
{
	struct tap_plan plan = {};

	drawn = draw_seed(0);
	TAP_ADD(&plan, what_was_written_is_read, NULL, NULL);
	TAP_ADD(&plan, no_part_of_it_is_read, NULL, NULL);
	TAP_ADD(&plan, a_byte_behind_it_is_refused, NULL, NULL);
	TAP_ADD(&plan, another_version_is_named_so, NULL, NULL);
	TAP_ADD(&plan, an_unknown_cipher_is_refused, NULL, NULL);
	TAP_ADD_TABLE(&plan, what_no_socket_has_is_refused, spoilt);
	return tap_run(&plan, "states of connections", 0);
}
