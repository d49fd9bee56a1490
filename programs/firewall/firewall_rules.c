/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/firewall_rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

/* Wrong lines that are told one by one. */
#define ERRORS_MAX 20
/* More than any rule needs; a longer line is wrong whatever it says. */
#define LINE_MAX_LEN 256

void firewall_rules_free(struct firewall_rules *rules)
{
	free(rules->items);
	*rules = (struct firewall_rules){};
}

int firewall_rules_add(struct firewall_rules *rules, const struct firewall_rule *rule)
{
	size_t room = rules->room ? rules->room * 2 : 64;
	struct firewall_rule *items;

	if (rules->count == rules->room) {
		items = reallocarray(rules->items, room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		rules->items = items;
		rules->room = room;
	}
	rules->items[rules->count++] = *rule;
	return 0;
}

int firewall_rules_copy(const struct firewall_rules *from, struct firewall_rules *ret_to)
{
	struct firewall_rules to = { .count = from->count, .room = from->count };

	if (from->count) {
		to.items = calloc(from->count, sizeof(*to.items));
		if (!to.items)
			return -ENOMEM;
		memcpy(to.items, from->items, from->count * sizeof(*to.items));
	}
	*ret_to = to;
	return 0;
}

static int compare_items(const void *a, const void *b)
{
	return firewall_rule_compare(a, b);
}

void firewall_rules_sort(struct firewall_rules *rules)
{
	size_t i, kept = 0;

	if (!rules->count)
		return;
	qsort(rules->items, rules->count, sizeof(*rules->items), compare_items);
	for (i = 1; i < rules->count; i++) {
		if (firewall_rule_compare(&rules->items[kept], &rules->items[i]))
			rules->items[++kept] = rules->items[i];
		else
			rules->items[kept].lists |= rules->items[i].lists;
	}
	rules->count = kept + 1;
}

struct firewall_rule *firewall_rules_find(const struct firewall_rules *rules,
					  const struct firewall_rule *rule)
{
	if (!rules->count)
		return NULL;
	return bsearch(rule, rules->items, rules->count, sizeof(*rules->items), compare_items);
}

int firewall_rules_check(const struct firewall_rules *rules, struct slot_reason *why)
{
	size_t counts[FIREWALL_KIND_COUNT] = {};
	enum firewall_kind kind;
	size_t i;

	for (i = 0; i < rules->count; i++)
		counts[rules->items[i].kind]++;
	for (kind = FIREWALL_KIND_SOURCE4; kind <= FIREWALL_KIND_SOURCE6; kind++)
		if (counts[kind] > FIREWALL_PREFIXES_MAX)
			return slot_reason_set(why, -E2BIG,
					       "%zu IPv%d prefixes are more than the %d that fit",
					       counts[kind], kind == FIREWALL_KIND_SOURCE4 ? 4 : 6,
					       FIREWALL_PREFIXES_MAX);
	return 0;
}

static const char blanks[] = " \t\r";

static int parse_words(char *line, struct slot_reason *why, struct firewall_rule *ret_rule)
{
	char *rest, *list = strtok_r(line, blanks, &rest);
	char *text = strtok_r(NULL, blanks, &rest);
	char *extra = strtok_r(NULL, blanks, &rest);
	bool is_allow = !strcmp(list, "allow");
	int err;

	if (!is_allow && strcmp(list, "deny") != 0)
		return slot_reason_set(why, -EINVAL, "'%.80s': expected allow or deny", list);
	if (!text)
		return slot_reason_set(why, -EINVAL, "'%s': expected a source or a port behind it",
				       list);
	if (extra)
		return slot_reason_set(why, -EINVAL, "'%.80s': expected the end of the line",
				       extra);
	err = firewall_rule_parse(text, why, ret_rule);
	if (!err)
		ret_rule->lists = is_allow ? FIREWALL_ALLOW : FIREWALL_DENY;
	return err;
}

/* Returns 0, 1 for a line without a rule, or -EINVAL. */
static int parse_line(const char *text, size_t len, struct slot_reason *why,
		      struct firewall_rule *ret_rule)
{
	const char *comment = memchr(text, '#', len);
	char line[LINE_MAX_LEN];
	size_t i;

	if (comment)
		len = (size_t)(comment - text);
	if (len >= sizeof(line))
		return slot_reason_set(why, -EINVAL, "line of %zu characters: expected at most %zu",
				       len, sizeof(line) - 1);
	for (i = 0; i < len; i++)
		if (!isprint((unsigned char)text[i]) && !memchr(blanks, text[i], strlen(blanks)))
			return slot_reason_set(why, -EINVAL, "byte 0x%02x: expected plain text",
					       (unsigned char)text[i]);
	memcpy(line, text, len);
	line[len] = '\0';
	if (!line[strspn(line, blanks)])
		return 1;
	return parse_words(line, why, ret_rule);
}

static int parse_lines(const char *file, const char *text, size_t len, struct slot_reasons *errors,
		       struct firewall_rules *rules)
{
	const char *end = text + len;
	struct slot_reason why = {};
	struct firewall_rule rule;
	size_t number, wrong = 0;
	int err;

	for (number = 1; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((newline ? newline : end) - text);

		err = parse_line(text, line_len, &why, &rule);
		if (err < 0 && ++wrong <= ERRORS_MAX)
			err = slot_reasons_add(errors, "%s:%zu: %s", file, number, why.text);
		else if (!err)
			err = firewall_rules_add(rules, &rule);
		if (err == -ENOMEM)
			return err;
		text = newline ? newline + 1 : end;
	}
	if (wrong > ERRORS_MAX &&
	    slot_reasons_add(errors, "%s: %zu more lines are wrong", file, wrong - ERRORS_MAX))
		return -ENOMEM;
	return wrong ? -EINVAL : 0;
}

int firewall_rules_parse(const char *file, const char *text, size_t len,
			 struct slot_reasons *errors, struct firewall_rules *ret_rules)
{
	_cleanup_(firewall_rules_free) struct firewall_rules rules = {};
	struct slot_reason why;
	int err;

	err = parse_lines(file, text, len, errors, &rules);
	if (err)
		return err;
	firewall_rules_sort(&rules);
	if (firewall_rules_check(&rules, &why))
		return slot_reasons_add(errors, "%s: %s", file, why.text) ? -ENOMEM : -EINVAL;
	*ret_rules = rules;
	rules = (struct firewall_rules){};
	return 0;
}

void firewall_change_free(struct firewall_change *change)
{
	firewall_rules_free(&change->set);
	firewall_rules_free(&change->del);
}

/* One step of the merge. Either may be NULL, not both; equal rules come together. */
static int diff_rule(const struct firewall_rule *current, const struct firewall_rule *wanted,
		     struct firewall_change *change)
{
	if (!wanted)
		return firewall_rules_add(&change->del, current);
	if (current && current->lists == wanted->lists)
		return 0;
	change->added += !current;
	return firewall_rules_add(&change->set, wanted);
}

int firewall_rules_diff(const struct firewall_rules *current, const struct firewall_rules *wanted,
			struct firewall_change *ret_change)
{
	_cleanup_(firewall_change_free) struct firewall_change change = {};
	size_t c = 0, w = 0;
	int err;

	while (c < current->count || w < wanted->count) {
		const struct firewall_rule *old = c < current->count ? &current->items[c] : NULL;
		const struct firewall_rule *new = w < wanted->count ? &wanted->items[w] : NULL;
		int order = !new ? -1 : !old ? 1 : firewall_rule_compare(old, new);

		err = diff_rule(order <= 0 ? old : NULL, order >= 0 ? new : NULL, &change);
		if (err)
			return err;
		c += order <= 0;
		w += order >= 0;
	}
	*ret_change = change;
	change = (struct firewall_change){};
	return 0;
}
