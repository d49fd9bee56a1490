/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a file of firewall rules: either rules that are sorted, each once, and read
 * the same when they are written down again, or errors that can be shown on a terminal.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "programs/firewall/firewall_rules.h"
#include "tests/fuzz/fuzz.h"

static void check_errors(const struct slot_reasons *errors)
{
	require(errors->count > 0, "a refusal says why");
	for (size_t i = 0; i < errors->count; i++)
		for (const char *c = errors->lines[i]; *c; c++)
			require(*c >= 0x20 && *c < 0x7f, "an error is printable");
}

static void check_rules(const struct firewall_rules *rules)
{
	char text[FIREWALL_RULE_TEXT_MAX];
	struct slot_reason why;
	struct firewall_rule again;

	for (size_t i = 0; i < rules->count; i++) {
		const struct firewall_rule *rule = &rules->items[i];

		require(rule->lists && rule->lists <= (FIREWALL_ALLOW | FIREWALL_DENY),
			"a rule is on a list");
		require(!i || firewall_rule_compare(rule - 1, rule) < 0, "rules are sorted");
		require(firewall_rules_find(rules, rule) == rule, "a rule is found");
		firewall_rule_format(rule, text);
		require(!firewall_rule_parse(text, &why, &again), "a rule can be read again");
		require(!firewall_rule_compare(rule, &again), "it is the same rule");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct firewall_rules rules = {}, none = {};
	struct slot_reasons errors = {};
	struct firewall_change change;
	int err;

	err = firewall_rules_parse("fuzz", (const char *)data, size, &errors, &rules);
	if (err) {
		require(err == -EINVAL, "a refusal is -EINVAL");
		require(!rules.items, "a refusal returns no rules");
		check_errors(&errors);
	} else {
		require(!errors.count, "success has no errors");
		check_rules(&rules);
		require(!firewall_rules_diff(&none, &rules, &change), "there is a difference");
		require(change.added == rules.count && !change.del.count, "all are new");
		firewall_change_free(&change);
	}
	slot_reasons_free(&errors);
	firewall_rules_free(&rules);
	return 0;
}
