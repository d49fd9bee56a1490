/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>

#include "programs/firewall/rules/fw_parse.h"

#define EXPECTED "expected flags such as syn, or & (syn|ack) == syn"

/* Flags with , or | between them, or 0 for none. Says whether , was between. */
static int parse_list(struct fw_parser *p, __u8 *ret_flags, bool *ret_has_comma)
{
	__u8 flags = 0;
	int bit;

	*ret_has_comma = false;
	for (;;) {
		bit = -1;
		if (p->token.kind == FW_TOKEN_WORD)
			bit = fw_name_find(fw_tcp_flags, p->token.text, p->token.len);
		if (bit < 0 && !flags &&
		    (fw_token_is(&p->token, "0") || fw_token_is(&p->token, "0x0"))) {
			fw_parse_next(p);
			break;
		}
		if (bit < 0)
			return fw_parse_refuse(p, &p->token,
					       "expected fin, syn, rst, psh, ack, urg, ecn or cwr");
		flags |= (__u8)bit;
		fw_parse_next(p);
		*ret_has_comma |= fw_token_is(&p->token, ",");
		if (!fw_token_is(&p->token, ",") && !fw_token_is(&p->token, "|"))
			break;
		fw_parse_next(p);
	}
	*ret_flags = flags;
	return 0;
}

/* Any of @flags: an alternative for each. */
static void set_any(struct fw_rule *rule, __u8 flags)
{
	int bit;

	for (bit = 0; bit < FW_FLAGS_MAX; bit++)
		if (flags >> bit & 1)
			rule->flags[rule->flag_count++] =
				(struct fw_flags){ .value = (__u8)(1 << bit),
						   .mask = (__u8)(1 << bit) };
}

static int set_masked(struct fw_parser *p, struct fw_rule *rule, const struct fw_token *token,
		      struct fw_flags flags)
{
	if (flags.value & ~flags.mask)
		return fw_parse_refuse(p, token, "expected flags of those that are looked at");
	rule->flags[0] = flags;
	rule->flag_count = 1;
	return 0;
}

/* & (A|B) == C, or != 0, which is any of them. */
static int parse_masked(struct fw_parser *p, struct fw_rule *rule)
{
	struct fw_token start;
	struct fw_flags flags;
	bool has_comma, is_paren, is_equal;
	int err;

	fw_parse_next(p);
	is_paren = fw_token_is(&p->token, "(");
	if (is_paren)
		fw_parse_next(p);
	err = parse_list(p, &flags.mask, &has_comma);
	if (!err && is_paren)
		err = fw_parse_skip(p, ")");
	if (err)
		return err;
	is_equal = fw_token_is(&p->token, "==");
	if (!is_equal && !fw_token_is(&p->token, "!="))
		return fw_parse_refuse(p, &p->token, "expected == and the flags that are set");
	fw_parse_next(p);
	start = p->token;
	err = parse_list(p, &flags.value, &has_comma);
	if (err)
		return err;
	if (is_equal)
		return set_masked(p, rule, &start, flags);
	if (flags.value || !flags.mask)
		return fw_parse_refuse(p, &start,
				       "expected 0 behind != (put a rule for the others "
				       "before this one)");
	set_any(rule, flags.mask);
	return 0;
}

int fw_parse_flags(struct fw_parser *p, struct fw_rule *rule)
{
	struct fw_token start = p->token;
	struct fw_flags flags;
	bool has_comma;
	int err;

	if (rule->flag_count)
		return fw_parse_refuse(p, &start, "expected no second condition of flags");
	if (fw_token_is(&p->token, "&"))
		return parse_masked(p, rule);
	err = parse_list(p, &flags.value, &has_comma);
	if (err)
		return err;
	if (fw_token_is(&p->token, "/")) {
		fw_parse_next(p);
		err = parse_list(p, &flags.mask, &has_comma);
		return err ? err : set_masked(p, rule, &start, flags);
	}
	if (!flags.value)
		return fw_parse_refuse(p, &start, EXPECTED);
	set_any(rule, flags.value);
	return 0;
}
