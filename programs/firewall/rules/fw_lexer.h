/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of a ruleset's text. Pure; part of the parser. */
#ifndef FW_LEXER_H
#define FW_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

enum fw_token_kind {
	FW_TOKEN_END,  /* of the text */
	FW_TOKEN_LINE, /* end of a line, or ; */
	FW_TOKEN_WORD,
	FW_TOKEN_STRING, /* text is without its quotes */
	FW_TOKEN_SIGN,	 /* one of {},()|&=! or == or != */
	FW_TOKEN_BAD,	 /* a byte that is no plain text, or a string that does not end */
};

struct fw_token {
	enum fw_token_kind kind;
	const char *text;
	size_t len;
	__u32 line;
};

/* Where in the text the next word begins; a copy is a bookmark. */
struct fw_lexer {
	const char *pos, *end;
	__u32 line;
};

/* fw_lexer_next - the next word; comments, from # to the end of the line, are left out. */
struct fw_token fw_lexer_next(struct fw_lexer *lexer);

bool fw_token_is(const struct fw_token *token, const char *text);

#endif
