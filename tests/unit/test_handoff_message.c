/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of handoff: each byte for byte, there and back, cut off anywhere, and what is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "programs/handoff/lib/peer/handoff_message.h"
#include "tests/support/tap.h"

#define ID 0x0102030405060708ULL
#define CLIENT { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, 40000 }
#define HOME { { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 }, 443 }

/* "\x01" is the version, then the type; ids and turns in full. */
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1
#define ID_TURN "\1\2\3\4\5\6\7\x8\0\0\0\2"
#define CLIENT_BYTES "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1\x9c\x40"
#define HOME_BYTES "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7\1\xbb"

static const struct golden {
	const char *name;
	struct handoff_message message;
	const uint8_t *bytes;
	size_t len;
} goldens[] = {
	{ "HELLO",
	  { .type = HANDOFF_HELLO, .hello = { 0x1122334455667788, 500, 1, 3, "web1" } },
	  BYTES("\1\1\0\0\0\0\0\x13\0\0\0\0\0\0\0\0\0\0\0\0"
		"\x11\x22\x33\x44\x55\x66\x77\x88\0\0\1\xf4\1\3\4web1") },
	{ "BEAT", { .type = HANDOFF_BEAT }, BYTES("\1\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
	{ "REQUEST",
	  { .type = HANDOFF_REQUEST,
	    .id = ID,
	    .turn = 2,
	    .offer = { .client = CLIENT,
		       .home = HOME,
		       .state = (const uint8_t *)"state",
		       .state_len = 5,
		       .app = (const uint8_t *)"GET",
		       .app_len = 3 } },
	  BYTES("\1\3\0\0\0\0\0\x35" ID_TURN CLIENT_BYTES HOME_BYTES "\0"
		"\0\0\0\5\0\0\0\3stateGET") },
	{ "BACK",
	  { .type = HANDOFF_BACK,
	    .id = ID,
	    .turn = 2,
	    .offer = { .client = CLIENT, .home = HOME, .onward = "web2" } },
	  BYTES("\1\4\0\0\0\0\0\x31" ID_TURN CLIENT_BYTES HOME_BYTES "\4web2"
		"\0\0\0\0\0\0\0\0") },
	{ "REFUSE",
	  { .type = HANDOFF_REFUSE, .id = ID, .turn = 2, .why = "no" },
	  BYTES("\1\5\0\0\0\0\0\3" ID_TURN "\2no") },
	{ "ACK",
	  { .type = HANDOFF_ACK, .id = ID, .turn = 2, .place = HOME },
	  BYTES("\1\6\0\0\0\0\0\x12" ID_TURN HOME_BYTES) },
	{ "READY",
	  { .type = HANDOFF_READY, .id = ID, .turn = 2 },
	  BYTES("\1\7\0\0\0\0\0\0" ID_TURN) },
	{ "DONE",
	  { .type = HANDOFF_DONE, .id = ID, .turn = 2 },
	  BYTES("\1\x8\0\0\0\0\0\0" ID_TURN) },
	{ "RESET",
	  { .type = HANDOFF_RESET, .id = ID, .turn = 2, .why = "" },
	  BYTES("\1\x9\0\0\0\0\0\1" ID_TURN "\0") },
	{ "CANCEL",
	  { .type = HANDOFF_CANCEL, .id = ID, .turn = 2, .why = "" },
	  BYTES("\1\xa\0\0\0\0\0\1" ID_TURN "\0") },
	{ "GONE",
	  { .type = HANDOFF_GONE, .id = ID, .turn = 2 },
	  BYTES("\1\xb\0\0\0\0\0\0" ID_TURN) },
	{ "OVER",
	  { .type = HANDOFF_OVER, .id = ID, .turn = 2 },
	  BYTES("\1\xc\0\0\0\0\0\0" ID_TURN) },
	{ "END",
	  { .type = HANDOFF_END, .why = "no" },
	  BYTES("\1\xd\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\2no") },
};

static void is_these_bytes(void **state)
{
	const struct golden *row = *state;
	uint8_t bytes[256];
	size_t len = 0;

	assert_string_equal(handoff_message_name(row->message.type), row->name);
	assert_int_equal(handoff_message_size(&row->message), row->len);
	assert_int_equal(handoff_message_format(&row->message, bytes, sizeof(bytes), &len), 0);
	assert_int_equal(len, row->len);
	assert_memory_equal(bytes, row->bytes, len);
	assert_int_equal(handoff_message_format(&row->message, bytes, len - 1, &len), -ENOSPC);
}

static void is_read_again(void **state)
{
	const struct golden *row = *state;
	struct handoff_message message;
	uint8_t bytes[256];
	size_t used, len;

	assert_int_equal(handoff_message_parse(row->bytes, row->len, &message, &used), 0);
	assert_int_equal(used, row->len);
	assert_int_equal(handoff_message_format(&message, bytes, sizeof(bytes), &len), 0);
	assert_int_equal(len, row->len);
	assert_memory_equal(bytes, row->bytes, len);
}

static void cut_off_asks_for_what_is_missing(void **state)
{
	const struct golden *row = *state;

	for (size_t len = 0; len < row->len; len++) {
		uint8_t *cut = malloc(len + !len); /* of just this size, for the sanitizer */
		struct handoff_message message;
		size_t need = 0;

		assert_non_null(cut);
		memcpy(cut, row->bytes, len);
		assert_int_equal(handoff_message_parse(cut, len, &message, &need), -EAGAIN);
		assert_int_equal(need,
				 len < HANDOFF_MESSAGE_HEADER ? HANDOFF_MESSAGE_HEADER : row->len);
		free(cut);
	}
}

/* A byte more or less in the body than its fields have. */
static void of_another_length_is_refused(void **state)
{
	const struct golden *row = *state;

	for (int change = -1; change <= 1; change += 2) {
		uint8_t bytes[256] = {};
		struct handoff_message message;
		size_t used;

		memcpy(bytes, row->bytes, row->len);
		bytes[7] = (uint8_t)(bytes[7] + change);
		if (row->len == HANDOFF_MESSAGE_HEADER && change < 0)
			continue;
		assert_int_equal(handoff_message_parse(bytes, row->len + 1, &message, &used),
				 -EPROTO);
	}
}

static void two_in_a_row_are_read_one_by_one(void **state)
{
	uint8_t bytes[512];
	struct handoff_message message;
	size_t len = 0, at = 0, used;

	(void)state;
	for (int i = 0; i < 2; i++, len += goldens[2].len)
		memcpy(bytes + len, goldens[2].bytes, goldens[2].len);
	for (int i = 0; i < 2; i++, at += used) {
		assert_int_equal(handoff_message_parse(bytes + at, len - at, &message, &used), 0);
		assert_int_equal(message.offer.app_len, 3);
		assert_memory_equal(message.offer.app, "GET", 3);
	}
	assert_int_equal(at, len);
}

static const struct bad {
	const char *name;
	size_t at;
	uint8_t value;
	size_t golden;
	int err;
} bads[] = {
	{ "another version is refused", 0, 2, 6, -EPROTONOSUPPORT },
	{ "type 0 is refused", 1, 0, 6, -EPROTO },
	{ "a type beyond the last is refused", 1, HANDOFF_MESSAGE_TYPE_COUNT, 6, -EPROTO },
	{ "a reserved bit is refused", 3, 1, 6, -EPROTO },
	{ "a body beyond the limit is refused", 4, 4, 6, -EMSGSIZE },
	{ "a HELLO about a connection is refused", 15, 1, 0, -EPROTO },
	{ "a connection's message without a turn is refused", 19, 0, 6, -EPROTO },
	{ "a name with a NUL is refused", 35, 0, 0, -EPROTO },
	{ "a state beyond the end is refused", 57, 0xff, 2, -EPROTO },
};

static void bad_bytes(void **state)
{
	const struct bad *row = *state;
	struct handoff_message message;
	uint8_t bytes[256];
	size_t used;

	memcpy(bytes, goldens[row->golden].bytes, goldens[row->golden].len);
	bytes[row->at] = row->value;
	assert_int_equal(handoff_message_parse(bytes, goldens[row->golden].len, &message, &used),
			 row->err);
}

static void too_large_is_not_written(void **state)
{
	struct handoff_message message = goldens[2].message;
	uint8_t bytes[1];
	size_t len;

	(void)state;
	message.offer.app_len = HANDOFF_MESSAGE_BODY_MAX;
	assert_int_equal(handoff_message_format(&message, bytes, sizeof(bytes), &len), -EMSGSIZE);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, is_these_bytes, goldens);
	TAP_ADD_TABLE(&plan, is_read_again, goldens);
	TAP_ADD_TABLE(&plan, cut_off_asks_for_what_is_missing, goldens);
	TAP_ADD_TABLE(&plan, of_another_length_is_refused, goldens);
	TAP_ADD(&plan, two_in_a_row_are_read_one_by_one, NULL, NULL);
	TAP_ADD_TABLE(&plan, bad_bytes, bads);
	TAP_ADD(&plan, too_large_is_not_written, NULL, NULL);
	return tap_run(&plan, "messages of handoff", 0);
}
