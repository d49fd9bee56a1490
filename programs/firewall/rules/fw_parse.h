/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parser's files share. Every function returns 0, -EINVAL when it has refused, or -ENOMEM. */
#ifndef FW_PARSE_H
#define FW_PARSE_H

#include "programs/firewall/rules/fw_lexer.h"
#include "programs/firewall/rules/fw_names.h"
#include "programs/firewall/rules/fw_ruleset.h"

struct fw_define {
	const char *name;
	size_t name_len;
	struct fw_lexer body;
};

struct fw_parser {
	const char *file;
	struct slot_reasons *errors; /* of a file */
	struct slot_reason *why;     /* of a packet; one of both is NULL */
	size_t wrong;
	struct fw_lexer lexer;
	struct fw_token token; /* the word to be read next */
	struct fw_token use;   /* the $name whose definition is read; END: none */
	unsigned int use_depth;
	unsigned int braces; /* open ones */
	__u32 policy_line;   /* of the policy; 0: there was none so far */
	struct fw_define *defines;
	size_t define_count, define_room;
	size_t define_seen; /* those that may be used: all, or those before the one that is read */
	struct fw_ruleset *set;
};

/* A rule on its way. */
struct fw_draft {
	struct fw_rule rule;
	struct fw_token first;
	bool needs_proto;
	unsigned int protos; /* that its conditions are about: bits of enum fw_need */
	bool has_prefix_len; /* of the limit */
	__u32 prefix_len, prefix_len6;
};

enum fw_need {
	FW_NEED_TCP = 1 << 0,
	FW_NEED_UDP = 1 << 1,
	FW_NEED_ICMP = 1 << 2,
	FW_NEED_ICMP6 = 1 << 3,
	FW_NEED_ANY = (1 << 4) - 1,
};

void fw_parse_next(struct fw_parser *p);

/* fw_parse_refuse - @token is not what it should be. Returns -EINVAL or -ENOMEM. */
int fw_parse_refuse(struct fw_parser *p, const struct fw_token *token, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* fw_parse_skip - the word @text has to come. */
int fw_parse_skip(struct fw_parser *p, const char *text);

/* Takes one value, which is p->token, but does not go on to the next word. */
typedef int (*fw_value_fn)(struct fw_parser *p, void *to);

/* fw_parse_values - one value, or a set of them, or a $name for either. */
int fw_parse_values(struct fw_parser *p, fw_value_fn take, void *to);

/* fw_parse_number - decimal digits alone, at most @max. Returns whether it is one. */
bool fw_parse_number(const char *text, size_t len, __u32 max, __u32 *ret_number);

/* fw_parse_condition - takes a condition; 1: the word begins none. */
int fw_parse_condition(struct fw_parser *p, struct fw_draft *draft);
void fw_parse_condition_list(size_t size, char *ret_text);
int fw_parse_flags(struct fw_parser *p, struct fw_rule *rule);

/* fw_parse_rate - `100/second burst 50 packets per saddr/24`. */
int fw_parse_rate(struct fw_parser *p, struct fw_draft *draft);
/* fw_parse_rule - a rule, up to the end of its line. */
int fw_parse_rule(struct fw_parser *p, struct fw_draft *draft);
int fw_parse_preset(struct fw_parser *p, struct fw_draft *draft);
/* fw_parse_finish - what follows from all conditions together. */
int fw_parse_finish(struct fw_parser *p, struct fw_draft *draft);

/* fw_parse_prefix - an address or a prefix; says why not. Returns 0 or -EINVAL. */
int fw_parse_prefix(const char *text, size_t len, struct slot_reason *why,
		    struct fw_prefix *ret_prefix);

#endif
