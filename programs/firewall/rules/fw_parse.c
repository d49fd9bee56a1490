/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/rules/fw_parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERRORS_MAX 20
/* Definitions within definitions. */
#define USES_MAX 8
#define DEFINES_MAX 4096
#define WORD_SHOWN 80

void fw_parse_next(struct fw_parser *p)
{
	p->token = fw_lexer_next(&p->lexer);
}

/* The word as a message begins with it. */
static void format_token(const struct fw_token *token, size_t size, char *ret_text)
{
	int len = token->len < WORD_SHOWN ? (int)token->len : WORD_SHOWN;

	if (token->kind == FW_TOKEN_END)
		snprintf(ret_text, size, "at the end");
	else if (token->kind == FW_TOKEN_LINE)
		snprintf(ret_text, size, "at the end of the line");
	else if (token->kind == FW_TOKEN_BAD && *token->text == '"')
		snprintf(ret_text, size, "a text that does not end with a quote in its line");
	else if (token->kind == FW_TOKEN_BAD)
		snprintf(ret_text, size, "byte 0x%02x", (unsigned char)*token->text);
	else
		snprintf(ret_text, size, "'%.*s'", len, token->text);
}

static int add_error(struct fw_parser *p, __u32 line, const char *word, const char *text)
{
	char use[WORD_SHOWN + 64] = "";

	if (p->use.kind != FW_TOKEN_END)
		snprintf(use, sizeof(use), " (line %u has it by %.*s)", p->use.line,
			 p->use.len < WORD_SHOWN ? (int)p->use.len : WORD_SHOWN, p->use.text);
	if (p->why)
		return slot_reason_set(p->why, -EINVAL, "%s: %s%s", word, text, use);
	if (++p->wrong > ERRORS_MAX)
		return -EINVAL;
	if (slot_reasons_add(p->errors, "%s:%u: %s: %s%s", p->file, line, word, text, use))
		return -ENOMEM;
	return -EINVAL;
}

int fw_parse_refuse(struct fw_parser *p, const struct fw_token *token, const char *fmt, ...)
{
	char word[WORD_SHOWN + 8], text[1024];
	va_list args;

	format_token(token, sizeof(word), word);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return add_error(p, token->line, word, text);
}

int fw_parse_skip(struct fw_parser *p, const char *text)
{
	if (!fw_token_is(&p->token, text))
		return fw_parse_refuse(p, &p->token, "expected %s", text);
	fw_parse_next(p);
	return 0;
}

bool fw_parse_number(const char *text, size_t len, __u32 max, __u32 *ret_number)
{
	__u64 number = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (__u64)(text[i] - '0');
		if (number > max)
			return false;
	}
	if (len)
		*ret_number = (__u32)number;
	return len;
}

static const struct fw_define *find_define(const struct fw_parser *p, const char *name, size_t len)
{
	size_t i;

	for (i = p->define_seen; i-- > 0;)
		if (p->defines[i].name_len == len && !memcmp(p->defines[i].name, name, len))
			return &p->defines[i];
	return NULL;
}

/* For a definition, which is only read for real where it is used. */
static int take_any(struct fw_parser *p, void *to)
{
	(void)to;
	if (p->token.kind != FW_TOKEN_WORD && p->token.kind != FW_TOKEN_STRING)
		return fw_parse_refuse(p, &p->token, "expected a value");
	return 0;
}

/* Reads the definition in place of its name. */
static int parse_use(struct fw_parser *p, fw_value_fn take, void *to)
{
	const struct fw_define *define = find_define(p, p->token.text + 1, p->token.len - 1);
	struct fw_parser before = *p;
	int err;

	if (!define)
		return fw_parse_refuse(p, &p->token, "expected a name from a define above");
	if (take == take_any) {
		fw_parse_next(p);
		return 0;
	}
	if (p->use_depth == USES_MAX)
		return fw_parse_refuse(p, &p->token,
				       "expected at most %d definitions within each other",
				       USES_MAX);
	if (!p->use_depth++)
		p->use = p->token;
	p->define_seen = (size_t)(define - p->defines);
	p->lexer = define->body;
	fw_parse_next(p);
	err = fw_parse_values(p, take, to);
	before.wrong = p->wrong;
	*p = before;
	if (!err)
		fw_parse_next(p);
	return err;
}

static int parse_value(struct fw_parser *p, fw_value_fn take, void *to)
{
	int err;

	if (p->token.kind == FW_TOKEN_WORD && *p->token.text == '$')
		return parse_use(p, take, to);
	err = take(p, to);
	if (!err)
		fw_parse_next(p);
	return err;
}

static void skip_lines(struct fw_parser *p)
{
	while (p->token.kind == FW_TOKEN_LINE && *p->token.text == '\n')
		fw_parse_next(p);
}

int fw_parse_values(struct fw_parser *p, fw_value_fn take, void *to)
{
	__u32 line = p->token.line;
	size_t count = 0;
	int err;

	if (!fw_token_is(&p->token, "{"))
		return parse_value(p, take, to);
	p->braces++;
	do {
		fw_parse_next(p); /* { or , */
		skip_lines(p);
		if (count++ && fw_token_is(&p->token, "}"))
			break;
		err = parse_value(p, take, to);
		if (err)
			return err;
		skip_lines(p);
	} while (fw_token_is(&p->token, ","));
	if (!fw_token_is(&p->token, "}"))
		return fw_parse_refuse(p, &p->token, "expected , or } (the { is in line %u)", line);
	p->braces--;
	fw_parse_next(p);
	return 0;
}

static int add_define(struct fw_parser *p, const struct fw_token *name, struct fw_lexer body)
{
	size_t more = p->define_room ? 2 * p->define_room : 16;
	struct fw_define *larger;

	if (p->define_count == p->define_room) {
		larger = reallocarray(p->defines, more, sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		p->defines = larger;
		p->define_room = more;
	}
	p->defines[p->define_count++] =
		(struct fw_define){ .name = name->text, .name_len = name->len, .body = body };
	p->define_seen = p->define_count;
	return 0;
}

/* define NAME = VALUE. Its values are read where they are used, for what they are used. */
static int parse_define(struct fw_parser *p)
{
	struct fw_token name;
	struct fw_lexer body;
	int err;

	fw_parse_next(p);
	name = p->token;
	if (name.kind != FW_TOKEN_WORD || *name.text == '$')
		return fw_parse_refuse(p, &name, "expected a name without $");
	if (find_define(p, name.text, name.len))
		return fw_parse_refuse(p, &name, "expected a name that is not defined yet");
	if (p->define_count == DEFINES_MAX)
		return fw_parse_refuse(p, &name, "expected at most %d definitions", DEFINES_MAX);
	fw_parse_next(p);
	if (!fw_token_is(&p->token, "="))
		return fw_parse_refuse(p, &p->token, "expected =");
	body = p->lexer;
	fw_parse_next(p);
	err = fw_parse_values(p, take_any, NULL);
	return err ? err : add_define(p, &name, body);
}

static int parse_policy(struct fw_parser *p)
{
	if (p->policy_line)
		return fw_parse_refuse(p, &p->token, "expected one policy, line %u has it already",
				       p->policy_line);
	p->policy_line = p->token.line;
	fw_parse_next(p);
	if (fw_token_is(&p->token, "accept"))
		p->set->policy = FW_ACCEPT;
	else if (fw_token_is(&p->token, "drop"))
		p->set->policy = FW_DROP;
	else if (!fw_token_is(&p->token, "default"))
		return fw_parse_refuse(p, &p->token,
				       "expected accept, drop or default (the slot's settings)");
	fw_parse_next(p);
	return 0;
}

static int add_rule(struct fw_parser *p, struct fw_draft *draft)
{
	struct fw_rule *rule = &draft->rule;

	rule->line = draft->first.line;
	rule->order = (__u32)p->set->rule_count;
	if (p->set->rule_count == FW_RULES_MAX)
		return fw_parse_refuse(p, &draft->first, "expected at most %d rules", FW_RULES_MAX);
	return fw_ruleset_add(p->set, rule);
}

static int parse_rule(struct fw_parser *p)
{
	struct fw_draft draft = { .first = p->token, .protos = FW_NEED_ANY };
	bool is_preset = fw_token_is(&p->token, "preset");
	int err;

	draft.rule.families = FW_IP4 | FW_IP6;
	err = is_preset ? fw_parse_preset(p, &draft) : fw_parse_rule(p, &draft);
	if (!err)
		err = fw_parse_finish(p, &draft);
	if (!err)
		err = add_rule(p, &draft);
	if (err)
		free(draft.rule.comment);
	return err;
}

static int parse_statement(struct fw_parser *p)
{
	int err;

	if (fw_token_is(&p->token, "policy"))
		err = parse_policy(p);
	else if (fw_token_is(&p->token, "define"))
		err = parse_define(p);
	else
		return parse_rule(p);
	if (!err && p->token.kind != FW_TOKEN_LINE && p->token.kind != FW_TOKEN_END)
		err = fw_parse_refuse(p, &p->token, "expected the end of the line");
	return err;
}

/* To where the next statement may begin. */
static void skip_statement(struct fw_parser *p)
{
	while (p->token.kind != FW_TOKEN_END && (p->braces || p->token.kind != FW_TOKEN_LINE)) {
		if (fw_token_is(&p->token, "{"))
			p->braces++;
		else if (fw_token_is(&p->token, "}") && p->braces)
			p->braces--;
		fw_parse_next(p);
	}
	p->braces = 0;
}

static int parse_statements(struct fw_parser *p)
{
	int err = 0;

	fw_parse_next(p);
	while (p->token.kind != FW_TOKEN_END && err != -ENOMEM &&
	       p->set->rule_count <= FW_RULES_MAX) {
		if (p->token.kind == FW_TOKEN_LINE) {
			fw_parse_next(p);
			continue;
		}
		err = parse_statement(p);
		if (err == -EINVAL)
			skip_statement(p);
	}
	if (err == -ENOMEM)
		return err;
	if (p->wrong > ERRORS_MAX &&
	    slot_reasons_add(p->errors, "%s: %zu more errors", p->file, p->wrong - ERRORS_MAX))
		return -ENOMEM;
	return p->wrong ? -EINVAL : 0;
}

int fw_ruleset_parse(const char *file, const char *text, size_t len, struct slot_reasons *errors,
		     struct fw_ruleset *ret_set)
{
	struct fw_ruleset set = {};
	struct fw_parser p = { .file = file,
			       .errors = errors,
			       .lexer = { .pos = text, .end = text + len, .line = 1 },
			       .set = &set };
	int err = parse_statements(&p);

	free(p.defines);
	if (err) {
		fw_ruleset_free(&set);
		return err;
	}
	fw_ruleset_sort(&set);
	*ret_set = set;
	return 0;
}

int fw_ruleset_parse_packet(const char *text, size_t len, struct slot_reason *why,
			    struct fw_ruleset *ret_set)
{
	struct fw_ruleset set = {};
	struct fw_parser p = { .why = why,
			       .lexer = { .pos = text, .end = text + len, .line = 1 },
			       .set = &set };
	struct fw_draft draft = { .protos = FW_NEED_ANY };
	int err = 0;

	draft.rule.families = FW_IP4 | FW_IP6;
	fw_parse_next(&p);
	draft.first = p.token;
	while (!err && p.token.kind != FW_TOKEN_END)
		err = fw_parse_condition(&p, &draft);
	if (err > 0) {
		char list[512];

		fw_parse_condition_list(sizeof(list), list);
		err = fw_parse_refuse(&p, &p.token, "expected %s", list);
	}
	if (!err)
		err = fw_parse_finish(&p, &draft);
	if (!err)
		err = fw_ruleset_add(&set, &draft.rule);
	if (err) {
		fw_ruleset_free(&set);
		return err == -ENOMEM ? slot_reason_set(why, err, "out of memory") : err;
	}
	*ret_set = set;
	return 0;
}

bool fw_ruleset_is_list(const char *text, size_t len)
{
	struct fw_lexer lexer = { .pos = text, .end = text + len, .line = 1 };
	struct fw_token token;

	do {
		token = fw_lexer_next(&lexer);
	} while (token.kind == FW_TOKEN_LINE);
	return token.kind == FW_TOKEN_END || fw_token_is(&token, "allow") ||
	       fw_token_is(&token, "deny");
}
