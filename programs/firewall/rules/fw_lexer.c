/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/rules/fw_lexer.h"

#include <string.h>

static const char signs[] = "{},()|&=!;\"#";

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_plain(char c)
{
	return c > 0x20 && c < 0x7f;
}

/* A backslash at the end of a line takes the next line to it. */
static void skip_blanks(struct fw_lexer *lexer)
{
	while (lexer->pos < lexer->end) {
		const char *pos = lexer->pos;

		if (*pos == '#') {
			while (lexer->pos < lexer->end && *lexer->pos != '\n')
				lexer->pos++;
		} else if (*pos == '\\' && pos + 1 < lexer->end && pos[1] == '\n') {
			lexer->pos += 2;
			lexer->line++;
		} else if (is_blank(*pos)) {
			lexer->pos++;
		} else {
			return;
		}
	}
}

static size_t get_word_len(const struct fw_lexer *lexer)
{
	const char *pos = lexer->pos;

	while (pos < lexer->end && is_plain(*pos) && !strchr(signs, *pos) && *pos != '\\')
		pos++;
	return (size_t)(pos - lexer->pos);
}

/* From the opening quote on. */
static struct fw_token get_string(struct fw_lexer *lexer)
{
	struct fw_token token = { .kind = FW_TOKEN_STRING,
				  .text = lexer->pos + 1,
				  .line = lexer->line };
	const char *pos = token.text;

	while (pos < lexer->end && (is_plain(*pos) || *pos == ' ') && *pos != '"')
		pos++;
	token.len = (size_t)(pos - token.text);
	if (pos == lexer->end || *pos != '"') {
		token.kind = FW_TOKEN_BAD;
		token.text = lexer->pos;
		token.len = 1;
	}
	lexer->pos = token.kind == FW_TOKEN_BAD ? pos : pos + 1;
	return token;
}

static struct fw_token get_sign(struct fw_lexer *lexer)
{
	struct fw_token token = {
		.kind = FW_TOKEN_SIGN, .text = lexer->pos, .len = 1, .line = lexer->line
	};

	if ((*lexer->pos == '=' || *lexer->pos == '!') && lexer->pos + 1 < lexer->end &&
	    lexer->pos[1] == '=')
		token.len = 2;
	lexer->pos += token.len;
	return token;
}

struct fw_token fw_lexer_next(struct fw_lexer *lexer)
{
	struct fw_token token = { .len = 1 };

	skip_blanks(lexer);
	token.text = lexer->pos;
	token.line = lexer->line;
	if (lexer->pos == lexer->end)
		return (struct fw_token){ .kind = FW_TOKEN_END,
					  .text = lexer->end,
					  .line = lexer->line };
	if (*lexer->pos == '"')
		return get_string(lexer);
	if (*lexer->pos == '\n' || *lexer->pos == ';') {
		token.kind = FW_TOKEN_LINE;
		lexer->line += *lexer->pos++ == '\n';
		return token;
	}
	if (is_plain(*lexer->pos) && strchr(signs, *lexer->pos))
		return get_sign(lexer);
	token.kind = FW_TOKEN_WORD;
	token.len = get_word_len(lexer);
	if (!token.len) {
		token.kind = FW_TOKEN_BAD;
		token.len = 1;
	}
	lexer->pos += token.len;
	return token;
}

bool fw_token_is(const struct fw_token *token, const char *text)
{
	return (token->kind == FW_TOKEN_WORD || token->kind == FW_TOKEN_SIGN) &&
	       strlen(text) == token->len && !memcmp(token->text, text, token->len);
}
