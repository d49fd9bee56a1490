/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/rules/fw_ruleset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

void fw_ruleset_free(struct fw_ruleset *set)
{
	size_t i;

	for (i = 0; i < set->rule_count; i++)
		free(set->rules[i].comment);
	free(set->rules);
	free(set->prefixes);
	free(set->spans);
	*set = (struct fw_ruleset){};
}

/* One more of @size bytes behind the @count in @items. */
static int add_item(void **items, size_t *count, size_t *room, const void *item, size_t size)
{
	size_t more = *room ? 2 * *room : FIRST_ROOM;
	void *larger;

	if (*count == *room) {
		larger = reallocarray(*items, more, size);
		if (!larger)
			return -ENOMEM;
		*items = larger;
		*room = more;
	}
	memcpy((char *)*items + *count * size, item, size);
	(*count)++;
	return 0;
}

int fw_ruleset_add(struct fw_ruleset *set, const struct fw_rule *rule)
{
	return add_item((void **)&set->rules, &set->rule_count, &set->rule_room, rule,
			sizeof(*rule));
}

int fw_ruleset_add_prefix(struct fw_ruleset *set, const struct fw_prefix *prefix)
{
	return add_item((void **)&set->prefixes, &set->prefix_count, &set->prefix_room, prefix,
			sizeof(*prefix));
}

int fw_ruleset_add_span(struct fw_ruleset *set, const struct fw_span *span)
{
	return add_item((void **)&set->spans, &set->span_count, &set->span_room, span,
			sizeof(*span));
}

/* No two rules are equal, so that qsort() is as good as a stable sort. */
static int compare_rules(const void *a, const void *b)
{
	const struct fw_rule *left = a, *right = b;

	if (left->priority != right->priority)
		return left->priority < right->priority ? -1 : 1;
	return left->order < right->order ? -1 : 1;
}

void fw_ruleset_sort(struct fw_ruleset *set)
{
	if (set->rule_count > 1)
		qsort(set->rules, set->rule_count, sizeof(*set->rules), compare_rules);
}

__u8 fw_ruleset_families(const struct fw_ruleset *set, const struct fw_values *values)
{
	__u8 families = 0;
	__u32 i;

	for (i = 0; i < values->count; i++)
		families |= set->prefixes[values->first + i].is_ip6 ? FW_IP6 : FW_IP4;
	return values->count ? families : FW_IP4 | FW_IP6;
}

int fw_ruleset_interface(struct fw_ruleset *set, const char *name)
{
	size_t i;

	for (i = 0; i < set->interface_count; i++)
		if (!strcmp(set->interfaces[i], name))
			return (int)i;
	if (i == FW_INTERFACES_MAX)
		return -E2BIG;
	memcpy(set->interfaces[i], name, strlen(name) + 1);
	set->interface_count++;
	return (int)i;
}

const char *fw_interface_word(enum fw_direction direction)
{
	return direction == FW_OUTGOING ? "oifname" : "iifname";
}

const char *fw_ruleset_interface_word(const struct fw_ruleset *set)
{
	size_t i;

	for (i = 0; i < set->rule_count; i++)
		if (set->rules[i].interfaces)
			return fw_interface_word(set->rules[i].direction);
	return fw_interface_word(FW_INCOMING);
}

int fw_ruleset_check(const struct fw_ruleset *set, enum fw_direction direction,
		     struct slot_reason *why)
{
	static const char *const packets[FW_DIRECTION_COUNT] = { "come in", "go out" };
	const struct fw_rule *rule;
	size_t i;

	for (i = 0; i < set->rule_count; i++) {
		rule = &set->rules[i];
		if (rule->interfaces && rule->direction != direction)
			return slot_reason_set(why, -EINVAL,
					       "line %u: %s is for packets that %s; expected %s, "
					       "as these %s",
					       rule->line, fw_interface_word(rule->direction),
					       packets[rule->direction],
					       fw_interface_word(direction), packets[direction]);
	}
	return 0;
}
