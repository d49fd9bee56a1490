/* SPDX-License-Identifier: GPL-2.0-only */
/* Rulesets and rules in words, as the parser takes them. Pure but for the stream. */
#ifndef FW_FORMAT_H
#define FW_FORMAT_H

#include <stdio.h>

#include "programs/firewall/rules/fw_ruleset.h"

struct fw_hit {
	__u64 packets, bytes;
};

/* fw_rule_print - @rule of @set, without a newline; @hit: counted by it, or NULL. */
void fw_rule_print(FILE *out, const struct fw_ruleset *set, const struct fw_rule *rule,
		   const struct fw_hit *hit);

/* fw_ruleset_print - the policy and all rules, a line each; @hits: by number of the rule, or NULL. */
void fw_ruleset_print(FILE *out, const struct fw_ruleset *set, const struct fw_hit *hits);

const char *fw_policy_name(enum fw_verdict policy);

#endif
