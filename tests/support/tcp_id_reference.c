/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/tcp_id_reference.h"

#include <stdbool.h>
#include <string.h>

#define HEADER 20
#define OPTIONS_READ 15 /* as Katran: what is behind so many is not seen */
#define END 0
#define NOP 1

/* The options' bytes that are there, behind which reading is none. */
struct options {
	const uint8_t *bytes;
	size_t claimed; /* by the header */
	size_t there;	/* in the packet */
};

static bool has(const struct options *options, size_t at, size_t len)
{
	return at + len <= options->claimed && at + len <= options->there;
}

/* Whether the option at @at ends the search, with @ret_id what was found. */
static bool is_it(const struct options *options, size_t at, uint8_t kind, uint16_t magic,
		  uint32_t *ret_id)
{
	bool has_magic = kind == 253 || kind == 254;
	size_t len = has_magic ? 8 : 6;
	const uint8_t *option = options->bytes + at;

	*ret_id = 0;
	if (option[0] != kind)
		return false;
	if (!has(options, at, 6))
		return true;
	if (has_magic && (option[2] << 8 | option[3]) != magic)
		return false;
	if (option[1] == len && has(options, at, len))
		memcpy(ret_id, option + len - sizeof(*ret_id), sizeof(*ret_id));
	return true;
}

uint32_t tcp_id_reference(const uint8_t *tcp, size_t len, uint8_t kind, uint16_t magic)
{
	struct options options = { .bytes = tcp + HEADER };
	uint32_t id = 0;
	size_t at = 0;

	if (len < HEADER || tcp[12] >> 4 < HEADER / 4)
		return 0;
	options.claimed = (tcp[12] >> 4) * 4U - HEADER;
	options.there = len - HEADER;
	for (int i = 0; i < OPTIONS_READ && at < options.claimed; i++) {
		/* Of an end and of a NOP the second byte is asked for as well. */
		if (at + 2 > options.there || options.bytes[at] == END)
			return 0;
		if (is_it(&options, at, kind, magic, &id))
			return id;
		if (options.bytes[at] != NOP && options.bytes[at + 1] < 2)
			return 0;
		at += options.bytes[at] == NOP ? 1 : options.bytes[at + 1];
	}
	return 0;
}
