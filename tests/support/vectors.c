/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/vectors.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/tap.h"

const char *vectors_others(void)
{
	const char *dir = getenv("SLOTD_VECTORS");

	return dir ? dir : "../shared/vectors";
}

bool vectors_open(struct vectors *vectors, const char *path)
{
	*vectors = (struct vectors){ .file = fopen(path, "re") };
	return vectors->file;
}

void vectors_close(struct vectors *vectors)
{
	free(vectors->line);
	fclose(vectors->file);
}

static void parse_hex(const char *text, struct packet *ret_packet)
{
	size_t i, len = strlen(text) / 2;

	memset(ret_packet, 0, sizeof(*ret_packet));
	assert_true(len <= sizeof(ret_packet->room));
	for (i = 0; i < len; i++) {
		char digits[3] = { text[2 * i], text[2 * i + 1] };
		char *end;

		ret_packet->room[i] = (unsigned char)strtoul(digits, &end, 16);
		assert_ptr_equal(end, digits + 2);
	}
	ret_packet->len = len;
}

bool vectors_next(struct vectors *vectors, struct vector *ret_vector)
{
	const char *words[5];
	char *save, *line;
	size_t i;

	if (getline(&vectors->line, &vectors->size, vectors->file) <= 0)
		return false;
	line = vectors->line;
	for (i = 0; i < 5; i++, line = NULL) {
		words[i] = strtok_r(line, "\t\n", &save);
		assert_non_null(words[i]);
	}
	ret_vector->name = words[0];
	ret_vector->verdict = words[1];
	parse_hex(words[2], &ret_vector->in);
	parse_hex(words[3], &ret_vector->out);
	ret_vector->mark = (uint32_t)strtoul(words[4], NULL, 0);
	return true;
}

static void print_bytes(const char *what, const char *verdict, const unsigned char *bytes,
			size_t len)
{
	size_t i;

	print_message("#   %s %s ", what, verdict);
	for (i = 0; i < len; i++)
		print_message("%02x", bytes[i]);
	print_message("\n");
}

bool vector_is_met(const struct vector *vector, const char *verdict, const struct progrun *run)
{
	if (!strcmp(verdict, vector->verdict) && run->len == vector->out.len &&
	    !memcmp(run->bytes, vector->out.room, run->len))
		return true;
	print_message("# %s:\n", vector->name);
	print_bytes("packet  ", "", vector->in.room, vector->in.len);
	print_bytes("expected", vector->verdict, vector->out.room, vector->out.len);
	print_bytes("found   ", verdict, run->bytes, run->len);
	return false;
}
