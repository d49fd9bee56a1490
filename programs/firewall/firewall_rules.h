/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A rule set, and what has to change to turn one into another. Pure: no system
 * call but for memory.
 *
 * As a file: a rule a line, `allow RULE` or `deny RULE`; blank lines and what
 * follows a # are left out. `slotctl firewall list` prints this very form.
 */
#ifndef FIREWALL_RULES_H
#define FIREWALL_RULES_H

#include <stddef.h>

#include "programs/firewall/firewall_rule.h"

struct firewall_rules {
	struct firewall_rule *items;
	size_t count;
	size_t room;
};

void firewall_rules_free(struct firewall_rules *rules);

/* firewall_rules_add - append @rule. Returns 0 or -ENOMEM. */
int firewall_rules_add(struct firewall_rules *rules, const struct firewall_rule *rule);

/* firewall_rules_copy - @ret_to: firewall_rules_free. Returns 0 or -ENOMEM. */
int firewall_rules_copy(const struct firewall_rules *from, struct firewall_rules *ret_to);

/* firewall_rules_sort - into firewall_rule_compare() order, each rule once, on all its lists. */
void firewall_rules_sort(struct firewall_rules *rules);

/* firewall_rules_find - the rule that compares equal to @rule in @rules, sorted, or NULL. */
struct firewall_rule *firewall_rules_find(const struct firewall_rules *rules,
					  const struct firewall_rule *rule);

/* firewall_rules_check - whether they fit the maps. Returns 0, or -E2BIG and says why. */
int firewall_rules_check(const struct firewall_rules *rules, struct slot_reason *why);

/*
 * firewall_rules_parse - the rules in @text, @len bytes long; sorted.
 *
 * @file is only named in messages. Every wrong line is added to @errors, up to
 * a bound. @ret_rules (firewall_rules_free) is set only when there is none.
 * Returns 0, -EINVAL when there were errors, -ENOMEM.
 */
int firewall_rules_parse(const char *file, const char *text, size_t len,
			 struct slot_reasons *errors, struct firewall_rules *ret_rules);

/* What turns one rule set into another: first set, then delete. */
struct firewall_change {
	struct firewall_rules set; /* new, or on other lists than before */
	struct firewall_rules del;
	size_t added; /* of set, those that are new */
};

void firewall_change_free(struct firewall_change *change);

/* firewall_rules_diff - from @current to @wanted, both sorted. Returns 0 or -ENOMEM. */
int firewall_rules_diff(const struct firewall_rules *current, const struct firewall_rules *wanted,
			struct firewall_change *ret_change);

#endif
