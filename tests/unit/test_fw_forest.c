/* SPDX-License-Identifier: GPL-2.0-only */
/* The ruleset compiler: what its trees find is what asking every rule would. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "programs/firewall/compile/fw_hidden.h"
#include "tests/support/draw.h"
#include "tests/support/fw_entries.h"
#include "tests/support/tap.h"

#define KEYS 20000

struct row {
	const char *name;
	size_t count;
	unsigned int words;
	__u32 networks;
};

static void compare_keys(struct fw_entries *entries, const struct fw_forest *forest, int keys)
{
	__u64 key[FW_WORDS6];
	int i, found = 0;

	for (i = 0; i < keys; i++) {
		const struct fw_entry *entry =
			&entries->items[fw_entries_draw(entries) % entries->count];
		long wanted;

		fw_entries_key(entries, entry, i % 4, key);
		wanted = fw_entries_find(entries, key);
		found += wanted >= 0;
		if (fw_entries_ask(forest, entries->items, key, entries->words) != wanted)
			fail_msg("key %d: found %ld, wanted %ld", i,
				 fw_entries_ask(forest, entries->items, key, entries->words),
				 wanted);
	}
	assert_in_range(found, keys / 2, keys);
}

/* What the program, which has bounds, can walk. */
static void check_node(const struct fw_forest *forest, const struct fw_node *node, int depth)
{
	__u32 i;

	assert_in_range(depth, 0, FW_DEPTH_MAX);
	if (node->word == FW_LEAF) {
		assert_in_range(node->mask, 0, FW_LEAF_MAX);
		return;
	}
	for (i = 0; i <= node->mask; i++)
		check_node(forest, &forest->nodes[node->base + i], depth + 1);
}

static void finds_what_asking_every_rule_finds(void **state)
{
	const struct row *row = *state;
	struct fw_entries entries = {
		.seed = draw_seed(row->count * 8 + row->words),
		.words = row->words,
		.networks = row->networks,
	};
	struct fw_forest forest = {};
	struct slot_reason why = {};
	__u32 i;

	fw_entries_make(&entries, row->count);
	if (fw_forest_build(entries.items, entries.count, row->words, &why, &forest))
		fail_msg("%s", why.text);
	assert_in_range(forest.head.count, 1, FW_TREES_MAX);
	for (i = 0; i < forest.head.count; i++)
		check_node(&forest, &forest.nodes[forest.head.trees[i].root], 0);
	compare_keys(&entries, &forest, (int)(KEYS / (1 + row->count / 1000)));
	fw_forest_free(&forest);
	fw_entries_free(&entries);
}

static const struct row rows[] = {
	{ "finds_one_rule", 1, FW_WORDS4, 4096 },
	{ "finds_ten_rules", 10, FW_WORDS4, 4096 },
	{ "finds_ten_rules_of_ip6", 10, FW_WORDS6, 4096 },
	{ "finds_a_hundred_rules", 100, FW_WORDS4, 4096 },
	{ "finds_a_hundred_rules_of_few_networks", 100, FW_WORDS4, 2 },
	{ "finds_a_thousand_rules", 1000, FW_WORDS4, 4096 },
	{ "finds_a_thousand_rules_of_few_networks", 1000, FW_WORDS6, 16 },
	{ "finds_ten_thousand_rules", 10000, FW_WORDS4, 4096 },
	{ "finds_ten_thousand_rules_of_ip6", 10000, FW_WORDS6, 4096 },
};

static void an_empty_ruleset_finds_nothing(void **state)
{
	struct fw_forest forest = {};
	struct slot_reason why = {};
	__u64 key[FW_WORDS6] = {};

	(void)state;
	assert_int_equal(fw_forest_build(NULL, 0, FW_WORDS4, &why, &forest), 0);
	assert_int_equal(forest.head.count, 0);
	assert_int_equal(fw_entries_ask(&forest, NULL, key, FW_WORDS4), -1);
	fw_forest_free(&forest);
}

/* Every range crosses every other, in two dimensions: no cut divides them. */
static void refuses_rules_that_cannot_be_divided(void **state)
{
	enum {
		COUNT = 4000
	};
	struct fw_entry *items = calloc(COUNT, sizeof(*items));
	struct fw_forest forest = {};
	struct slot_reason why = {};
	int i;

	(void)state;
	assert_non_null(items);
	for (i = 0; i < COUNT; i++) {
		items[i].rule = (__u32)i;
		items[i].ports = (struct fw_port_ranges){
			.dport_lo = (__u16)i,
			.dport_span = (__u16)(40000 + i),
			.sport_lo = (__u16)(COUNT - i),
			.sport_span = (__u16)(40000 - i),
		};
	}
	assert_int_equal(fw_forest_build(items, COUNT, FW_WORDS4, &why, &forest), -E2BIG);
	assert_non_null(strstr(why.text, "rules overlap too much"));
	assert_null(forest.nodes);
	free(items);
}

static struct fw_entry make_icmp(__u32 rule, __u64 type)
{
	return (struct fw_entry){
		.rule = rule,
		.ports = { .dport_span = 65535, .sport_span = 65535 },
		.bits[0] = { 1ULL << FW_PROTO_SHIFT | type << 8,
			     0xffULL << FW_PROTO_SHIFT | 0xff00 },
	};
}

/* Where types are cut as ports are, a set may have rules that match nothing in its region. */
static void a_type_of_icmp_hides_no_other(void **state)
{
	const struct fw_entry entries[] = { make_icmp(0, 8), make_icmp(1, 9) };
	const struct fw_range any = { 0, 65535 };
	const struct fw_ternary ternaries[] = { { .ports = { any, any } },
						{ .ports = { any, any } } };
	const struct fw_view view = { entries, ternaries, FW_WORDS4 };
	const struct fw_region region = { .bits[0] = { 0x0900, 0xff00 } };
	__u32 items[] = { 0, 1 };
	struct fw_set set = { .ternaries = ternaries, .items = items, .count = 2 };

	(void)state;
	fw_hidden_drop_shadowed(&view, &region, &set);
	assert_int_equal(set.count, 2);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, finds_what_asking_every_rule_finds, rows);
	TAP_ADD(&plan, an_empty_ruleset_finds_nothing, NULL, NULL);
	TAP_ADD(&plan, a_type_of_icmp_hides_no_other, NULL, NULL);
	TAP_ADD(&plan, refuses_rules_that_cannot_be_divided, NULL, NULL);
	return tap_run(&plan, "fw_forest", 0);
}
