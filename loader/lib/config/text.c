/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/config/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* Of a string or a word: libconfuse grows its copy of a string by 32 bytes at a time. */
#define WORD_MAX 4096

#define TEXT_TAIL "\n" SLOT_CONFIG_END_KEY "=" SLOT_CONFIG_END_KEY "\n"

struct scan {
	const char *in;
	size_t len;
	size_t pos;
	char *out;
	size_t used;
	size_t word_len; /* of the string or the word at hand */
	unsigned int line;
	struct slot_config_errors *errors;
	bool is_cut;
};

bool slot_config_text_is_valid(const char *text)
{
	json_t *probe;

	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	}
	probe = json_string(text); /* NULL for what is not UTF-8 */
	json_decref(probe);
	return probe;
}

static char peek(const struct scan *scan, size_t ahead)
{
	return scan->pos + ahead < scan->len ? scan->in[scan->pos + ahead] : '\0';
}

static void put(struct scan *scan, char c)
{
	scan->out[scan->used++] = c;
}

static void put_in_word(struct scan *scan, char c)
{
	if (scan->word_len++ < WORD_MAX)
		put(scan, c);
	else if (scan->word_len == WORD_MAX + 1)
		slot_config_errors_add(scan->errors, scan->line, "text", "too long",
				       "at most %d bytes in one string or word", WORD_MAX);
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

static void refuse_control(struct scan *scan, char c)
{
	char value[2] = { c, '\0' };

	if (c)
		slot_config_errors_add_value(scan->errors, scan->line, "text", value,
					     "text without control characters");
	else
		slot_config_errors_add(scan->errors, scan->line, "text", "a NUL byte",
				       "text without NUL bytes");
}

static void skip_line_comment(struct scan *scan)
{
	while (scan->pos < scan->len && scan->in[scan->pos] != '\n') {
		if (!scan->in[scan->pos])
			refuse_control(scan, '\0');
		scan->pos++;
	}
}

static void skip_block_comment(struct scan *scan)
{
	unsigned int start = scan->line;

	for (scan->pos += 2; scan->pos < scan->len; scan->pos++) {
		if (peek(scan, 0) == '*' && peek(scan, 1) == '/') {
			scan->pos += 2;
			put(scan, ' ');
			return;
		}
		if (!scan->in[scan->pos])
			refuse_control(scan, '\0');
		if (scan->in[scan->pos] == '\n') {
			put(scan, '\n');
			scan->line++;
		}
	}
	scan->is_cut = true;
	slot_config_errors_add(scan->errors, start, "text", "a comment without end", "\"*/\"");
}

static void close_string(struct scan *scan, char quote, bool is_escape)
{
	/* a backslash that is left over would take the quote */
	if (is_escape || scan->word_len > WORD_MAX)
		scan->out[scan->used - 1] = ' ';
	put(scan, quote);
}

/* The newline that ends an open string stays in the input, for the caller. */
static void copy_string(struct scan *scan)
{
	char quote = scan->in[scan->pos++];
	bool is_escape = false;

	put(scan, quote);
	for (scan->word_len = 0; scan->pos < scan->len; scan->pos++) {
		char c = scan->in[scan->pos];

		if (c == '\n')
			break;
		if (c == quote && !is_escape) {
			scan->pos++;
			close_string(scan, quote, false);
			return;
		}
		if (is_control(c) || (c == '\r' && peek(scan, 1) != '\n')) {
			refuse_control(scan, c);
			c = ' ';
		}
		if (c == '$' && quote == '"' && !is_escape)
			put(scan, '\\');
		put_in_word(scan, c);
		is_escape = c == '\\' && !is_escape;
	}
	slot_config_errors_add(scan->errors, scan->line, "text", "a string without end",
			       "a closing %c on the same line", quote);
	close_string(scan, quote, is_escape);
}

static bool is_separator(char c)
{
	return strchr(" \t\r\n={}(),\"'", c);
}

static bool is_word_start(const struct scan *scan)
{
	return !scan->used || is_separator(scan->out[scan->used - 1]);
}

static char replace_char(struct scan *scan, char c)
{
	bool is_append = c == '+' && peek(scan, 1) == '=';
	const char value[] = { c, '\0' };

	if (is_control(c)) {
		refuse_control(scan, c);
		return ' ';
	}
	if (c != '+' && c != '*')
		return c;
	slot_config_errors_add_value(scan->errors, scan->line, "text", is_append ? "+=" : value,
				     "%s", is_append ? "\"=\"" : "quotes around the value");
	return is_append ? ' ' : '_';
}

static void copy_plain(struct scan *scan)
{
	char c = replace_char(scan, peek(scan, 0));

	scan->pos++;
	if (is_word_start(scan))
		scan->word_len = 0;
	if (is_separator(c))
		put(scan, c);
	else
		put_in_word(scan, c);
	if (c == '\n')
		scan->line++;
	if (c == '$') /* parts it from a brace */
		put(scan, ' ');
}

int slot_config_text_load(const char *text, size_t len, struct slot_config_errors *errors,
			  struct slot_config_text *ret_text)
{
	struct scan scan = { .in = text, .len = len, .line = 1, .errors = errors };

	/* at most one more byte for each that is there, and one for a string open at the end */
	scan.out = malloc(2 * len + sizeof(TEXT_TAIL) + 1);
	if (!scan.out)
		return -ENOMEM;
	while (scan.pos < scan.len) {
		char c = peek(&scan, 0);
		char next = peek(&scan, 1);

		if (c == '"' || c == '\'')
			copy_string(&scan);
		else if (c == '#' || (c == '/' && next == '/' && is_word_start(&scan)))
			skip_line_comment(&scan);
		else if (c == '/' && next == '*' && is_word_start(&scan))
			skip_block_comment(&scan);
		else
			copy_plain(&scan);
	}
	memcpy(scan.out + scan.used, TEXT_TAIL, sizeof(TEXT_TAIL));
	*ret_text = (struct slot_config_text){ scan.out, scan.line, scan.is_cut };
	return 0;
}
