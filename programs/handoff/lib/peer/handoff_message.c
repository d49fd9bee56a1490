/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of handoff as bytes and back. */
#include <errno.h>
#include <string.h>

#include "programs/handoff/lib/peer/handoff_message.h"

#define PLACE_SIZE 18

static const char *const names[HANDOFF_MESSAGE_TYPE_COUNT] = {
	[HANDOFF_HELLO] = "HELLO",   [HANDOFF_BEAT] = "BEAT",	  [HANDOFF_REQUEST] = "REQUEST",
	[HANDOFF_BACK] = "BACK",     [HANDOFF_REFUSE] = "REFUSE", [HANDOFF_ACK] = "ACK",
	[HANDOFF_READY] = "READY",   [HANDOFF_DONE] = "DONE",	  [HANDOFF_RESET] = "RESET",
	[HANDOFF_CANCEL] = "CANCEL", [HANDOFF_GONE] = "GONE",	  [HANDOFF_OVER] = "OVER",
	[HANDOFF_END] = "END",
};

const char *handoff_message_name(enum handoff_message_type type)
{
	if (type >= HANDOFF_MESSAGE_TYPE_COUNT || !names[type])
		return "?";
	return names[type];
}

/* --- writing: the room was measured before ---------------------------------------------------- */

struct writer {
	uint8_t *at;
};

static void put_number(struct writer *to, uint64_t value, size_t size)
{
	while (size--)
		*to->at++ = (uint8_t)(value >> 8 * size);
}

static void put_bytes(struct writer *to, const void *bytes, size_t len)
{
	if (len)
		memcpy(to->at, bytes, len);
	to->at += len;
}

static void put_text(struct writer *to, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	put_number(to, len, 1);
	put_bytes(to, text, len);
}

static void put_place(struct writer *to, const struct handoff_place *place)
{
	put_bytes(to, place->addr, sizeof(place->addr));
	put_number(to, place->port, 2);
}

static void put_offer(struct writer *to, const struct handoff_offer *offer)
{
	put_place(to, &offer->client);
	put_place(to, &offer->home);
	put_text(to, offer->onward, HANDOFF_NAME_MAX);
	put_number(to, offer->state_len, 4);
	put_number(to, offer->app_len, 4);
	put_bytes(to, offer->state, offer->state_len);
	put_bytes(to, offer->app, offer->app_len);
}

static size_t body_size(const struct handoff_message *message)
{
	const struct handoff_offer *offer = &message->offer;

	switch (message->type) {
	case HANDOFF_HELLO:
		return 8 + 4 + 1 + 1 + 1 + strnlen(message->hello.name, HANDOFF_NAME_MAX);
	case HANDOFF_REQUEST:
	case HANDOFF_BACK:
		return 2 * PLACE_SIZE + 1 + strnlen(offer->onward, HANDOFF_NAME_MAX) + 4 + 4 +
		       offer->state_len + offer->app_len;
	case HANDOFF_ACK:
		return PLACE_SIZE;
	case HANDOFF_REFUSE:
	case HANDOFF_RESET:
	case HANDOFF_CANCEL:
	case HANDOFF_END:
		return 1 + strnlen(message->why, HANDOFF_TEXT_MAX);
	default:
		return 0;
	}
}

size_t handoff_message_size(const struct handoff_message *message)
{
	return HANDOFF_MESSAGE_HEADER + body_size(message);
}

static void put_body(struct writer *to, const struct handoff_message *message)
{
	switch (message->type) {
	case HANDOFF_HELLO:
		put_number(to, message->hello.instance, 8);
		put_number(to, message->hello.beat_ms, 4);
		put_number(to, message->hello.first, 1);
		put_number(to, message->hello.last, 1);
		put_text(to, message->hello.name, HANDOFF_NAME_MAX);
		break;
	case HANDOFF_REQUEST:
	case HANDOFF_BACK:
		put_offer(to, &message->offer);
		break;
	case HANDOFF_ACK:
		put_place(to, &message->place);
		break;
	case HANDOFF_REFUSE:
	case HANDOFF_RESET:
	case HANDOFF_CANCEL:
	case HANDOFF_END:
		put_text(to, message->why, HANDOFF_TEXT_MAX);
		break;
	default:
		break;
	}
}

int handoff_message_format(const struct handoff_message *message, uint8_t *bytes, size_t room,
			   size_t *ret_len)
{
	size_t size = body_size(message);
	struct writer to = { bytes };

	if (size > HANDOFF_MESSAGE_BODY_MAX)
		return -EMSGSIZE;
	if (room < HANDOFF_MESSAGE_HEADER + size)
		return -ENOSPC;
	put_number(&to, HANDOFF_MESSAGE_VERSION, 1);
	put_number(&to, message->type, 1);
	put_number(&to, 0, 2);
	put_number(&to, size, 4);
	put_number(&to, message->id, 8);
	put_number(&to, message->turn, 4);
	put_body(&to, message);
	*ret_len = HANDOFF_MESSAGE_HEADER + size;
	return 0;
}

/* --- reading: who reads beyond the end is broken from then on, and reads zeros ---------------- */

struct reader {
	const uint8_t *at;
	size_t left;
	bool is_broken;
};

static const uint8_t *take_bytes(struct reader *from, size_t len)
{
	const uint8_t *bytes = from->at;

	if (from->is_broken || from->left < len) {
		from->is_broken = true;
		return NULL;
	}
	from->at += len;
	from->left -= len;
	return bytes;
}

static uint64_t take_number(struct reader *from, size_t size)
{
	const uint8_t *bytes = take_bytes(from, size);
	uint64_t value = 0;

	for (size_t i = 0; bytes && i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* @ret_text was zeroed and has room for @max bytes and a NUL. */
static void take_text(struct reader *from, size_t max, char *ret_text)
{
	size_t len = take_number(from, 1);
	const uint8_t *bytes = take_bytes(from, len);

	if (!bytes)
		return;
	if (len > max || memchr(bytes, '\0', len))
		from->is_broken = true;
	else
		memcpy(ret_text, bytes, len);
}

static void take_place(struct reader *from, struct handoff_place *ret_place)
{
	const uint8_t *addr = take_bytes(from, sizeof(ret_place->addr));

	if (addr)
		memcpy(ret_place->addr, addr, sizeof(ret_place->addr));
	ret_place->port = (uint16_t)take_number(from, 2);
}

static void take_offer(struct reader *from, struct handoff_offer *ret_offer)
{
	take_place(from, &ret_offer->client);
	take_place(from, &ret_offer->home);
	take_text(from, HANDOFF_NAME_MAX, ret_offer->onward);
	ret_offer->state_len = take_number(from, 4);
	ret_offer->app_len = take_number(from, 4);
	ret_offer->state = take_bytes(from, ret_offer->state_len);
	ret_offer->app = take_bytes(from, ret_offer->app_len);
}

static void take_body(struct reader *from, struct handoff_message *ret_message)
{
	switch (ret_message->type) {
	case HANDOFF_HELLO:
		ret_message->hello.instance = take_number(from, 8);
		ret_message->hello.beat_ms = (uint32_t)take_number(from, 4);
		ret_message->hello.first = (uint8_t)take_number(from, 1);
		ret_message->hello.last = (uint8_t)take_number(from, 1);
		take_text(from, HANDOFF_NAME_MAX, ret_message->hello.name);
		break;
	case HANDOFF_REQUEST:
	case HANDOFF_BACK:
		take_offer(from, &ret_message->offer);
		break;
	case HANDOFF_ACK:
		take_place(from, &ret_message->place);
		break;
	case HANDOFF_REFUSE:
	case HANDOFF_RESET:
	case HANDOFF_CANCEL:
	case HANDOFF_END:
		take_text(from, HANDOFF_TEXT_MAX, ret_message->why);
		break;
	default:
		break;
	}
}

/* Only what is about the two hosts is about no connection. */
static bool has_right_id(const struct handoff_message *message)
{
	bool is_of_hosts = message->type == HANDOFF_HELLO || message->type == HANDOFF_BEAT ||
			   message->type == HANDOFF_END;

	return is_of_hosts ? !message->id && !message->turn : message->id && message->turn;
}

int handoff_message_parse(const uint8_t *bytes, size_t len, struct handoff_message *ret_message,
			  size_t *ret_len)
{
	struct reader from = { bytes, len, false };
	struct handoff_message message = {};
	size_t size;
	uint64_t zero;

	if (len && bytes[0] != HANDOFF_MESSAGE_VERSION)
		return -EPROTONOSUPPORT;
	if (len < HANDOFF_MESSAGE_HEADER) {
		*ret_len = HANDOFF_MESSAGE_HEADER;
		return -EAGAIN;
	}
	take_number(&from, 1);
	message.type = (enum handoff_message_type)take_number(&from, 1);
	zero = take_number(&from, 2);
	size = take_number(&from, 4);
	message.id = take_number(&from, 8);
	message.turn = (uint32_t)take_number(&from, 4);
	if (message.type >= HANDOFF_MESSAGE_TYPE_COUNT || !names[message.type] || zero ||
	    !has_right_id(&message))
		return -EPROTO;
	if (size > HANDOFF_MESSAGE_BODY_MAX)
		return -EMSGSIZE;
	if (from.left < size) {
		*ret_len = HANDOFF_MESSAGE_HEADER + size;
		return -EAGAIN;
	}
	from.left = size;
	take_body(&from, &message);
	if (from.is_broken || from.left)
		return -EPROTO;
	*ret_message = message;
	*ret_len = HANDOFF_MESSAGE_HEADER + size;
	return 0;
}
