/* SPDX-License-Identifier: GPL-2.0-only */
/* From rules to what the program goes by: for each prefix, its ports from 0 to 65535. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/sk_steer/sk_steer.h"
#include "loader/lib/base/cleanup.h"

bool sk_steer_rule_is_same(const struct sk_steer_rule *a, const struct sk_steer_rule *b)
{
	return a->family == b->family && a->proto == b->proto && a->len == b->len &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr)) && a->first == b->first &&
	       a->last == b->last;
}

int sk_steer_rule_compare(const struct sk_steer_rule *a, const struct sk_steer_rule *b)
{
	int a_width = a->last - a->first, b_width = b->last - b->first, order;

	if (a->family != b->family)
		return a->family - b->family;
	if (a->proto != b->proto)
		return a->proto - b->proto;
	if (a->len != b->len)
		return b->len - a->len;
	order = memcmp(a->addr, b->addr, sizeof(a->addr));
	if (order)
		return order;
	return a_width != b_width ? a_width - b_width : a->first - b->first;
}

bool sk_steer_rule_has_addr(const struct sk_steer_rule *rule, const __u8 addr[16])
{
	size_t whole = rule->len / 8, rest = rule->len % 8;

	if (memcmp(rule->addr, addr, whole) != 0)
		return false;
	return !rest || !((rule->addr[whole] ^ addr[whole]) >> (8 - rest));
}

/* A rule that is there, with its number. */
struct entry {
	const struct sk_steer_rule *rule;
	__u16 number;
};

static int compare_entries(const void *a, const void *b)
{
	return sk_steer_rule_compare(((const struct entry *)a)->rule,
				     ((const struct entry *)b)->rule);
}

static size_t sort_rules(const struct sk_steer_rules *rules, struct entry *entries)
{
	size_t count = 0;

	for (__u16 i = 0; i < SK_STEER_RULES_MAX; i++)
		if (rules->rules[i].family)
			entries[count++] = (struct entry){ &rules->rules[i], i };
	qsort(entries, count, sizeof(*entries), compare_entries);
	return count;
}

/* All rules that apply to some of the addresses of @rule's prefix, the one that decides first. */
static size_t collect(const struct entry *entries, size_t count, const struct sk_steer_rule *rule,
		      struct entry *found)
{
	size_t found_count = 0;

	for (size_t i = 0; i < count; i++) {
		const struct sk_steer_rule *other = entries[i].rule;

		if (other->family == rule->family && other->proto == rule->proto &&
		    other->len <= rule->len && sk_steer_rule_has_addr(other, rule->addr))
			found[found_count++] = entries[i];
	}
	return found_count;
}

static int compare_ports(const void *a, const void *b)
{
	return (int)*(const __u32 *)a - (int)*(const __u32 *)b;
}

/* The ports where another rule may begin to decide, sorted, each once. */
static size_t find_edges(const struct entry *found, size_t count, __u32 *edges)
{
	size_t all = 0, kept = 0;

	edges[all++] = 0;
	for (size_t i = 0; i < count; i++) {
		edges[all++] = found[i].rule->first;
		if (found[i].rule->last < UINT16_MAX)
			edges[all++] = found[i].rule->last + 1U;
	}
	qsort(edges, all, sizeof(*edges), compare_ports);
	for (size_t i = 0; i < all; i++)
		if (!kept || edges[kept - 1] != edges[i])
			edges[kept++] = edges[i];
	return kept;
}

static struct sk_steer_span span_at(const struct entry *found, size_t count, __u32 port)
{
	struct sk_steer_span span = { .port = (__u16)port, .rule = SK_STEER_NO_RULE };

	for (size_t i = 0; i < count; i++) {
		const struct sk_steer_rule *rule = found[i].rule;

		if (port < rule->first || port > rule->last)
			continue;
		span.rule = found[i].number;
		span.group = (__u16)rule->group;
		span.flags = rule->flags;
		break;
	}
	return span;
}

static int add_prefix(const struct entry *found, size_t count, __u32 *edges,
		      struct sk_steer_plan *plan)
{
	const struct sk_steer_rule *rule = found[0].rule;
	size_t edge_count = find_edges(found, count, edges);
	__u32 first = plan->span_count, number = plan->prefix_count++;
	struct sk_steer_prefix *prefix = &plan->prefixes[number].prefix;

	*prefix = (struct sk_steer_prefix){
		.len = SK_STEER_FIXED_BITS + rule->len,
		.family = rule->family,
		.proto = rule->proto,
	};
	memcpy(prefix->addr, rule->addr, sizeof(prefix->addr));
	for (size_t i = 0; i < edge_count; i++) {
		struct sk_steer_span span = span_at(found, count, edges[i]);

		if (i && span.rule == plan->spans[plan->span_count - 1].rule)
			continue;
		if (plan->span_count == SK_STEER_SPANS_MAX)
			return -E2BIG;
		plan->spans[plan->span_count++] = span;
	}
	plan->prefixes[number].spans =
		(struct sk_steer_spans){ .first = first, .count = plan->span_count - first };
	return 0;
}

/* Rules of one prefix stand together, as they are sorted. */
static bool is_new_prefix(const struct entry *entries, size_t i)
{
	const struct sk_steer_rule *rule = entries[i].rule, *before;

	if (!i)
		return true;
	before = entries[i - 1].rule;
	return before->family != rule->family || before->proto != rule->proto ||
	       before->len != rule->len ||
	       memcmp(before->addr, rule->addr, sizeof(rule->addr)) != 0;
}

int sk_steer_compile(const struct sk_steer_rules *rules, struct sk_steer_plan *ret_plan)
{
	_cleanup_free_ struct entry *entries = calloc(SK_STEER_RULES_MAX, sizeof(*entries));
	_cleanup_free_ struct entry *found = calloc(SK_STEER_RULES_MAX, sizeof(*found));
	_cleanup_free_ __u32 *edges = calloc(SK_STEER_PREFIX_SPANS_MAX, sizeof(*edges));
	size_t count;
	int err = 0;

	if (!entries || !found || !edges)
		return -ENOMEM;
	count = sort_rules(rules, entries);
	ret_plan->prefix_count = ret_plan->span_count = 0;
	for (size_t i = 0; !err && i < count; i++) {
		size_t found_count;

		if (!is_new_prefix(entries, i))
			continue;
		found_count = collect(entries, count, entries[i].rule, found);
		err = add_prefix(found, found_count, edges, ret_plan);
	}
	return err;
}
