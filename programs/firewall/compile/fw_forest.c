/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/compile/fw_forest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "programs/firewall/compile/fw_cut.h"
#include "programs/firewall/compile/fw_hidden.h"
#include "programs/firewall/compile/fw_walk.h"

/* A leaf of so many is cheaper than another cut. */
#define LEAF_GOOD 4
/* No entry is sent to another tree to make a leaf smaller than this. */
#define LEAF_FAIR FW_LEAF_MAX
/* Sets up to this size are searched for rules that no packet gets to. */
#define SHADOWED_MAX 512
/* Sets of no more than this at a tree's root may make more copies: few trees are worth them. */
#define SMALL_TREE 2048
/* Slots of the table of leaves, each with the last leaf that hashed there. */
#define LEAVES_SHIFT 16

/* No choice is the best for all rulesets, so that a few are made, and the best forest kept. */
struct tuning {
	size_t copies_max;   /* of an entry, on average, that a cut may make */
	size_t small_copies; /* times that, at the root of a small tree */
	double tree_weight;
};

static const struct tuning tunings[] = {
	{ .copies_max = 4, .small_copies = 4 },
	{ .copies_max = 4, .small_copies = 64, .tree_weight = 6 },
	{ .copies_max = 16, .small_copies = 1 },
	{ .copies_max = 2, .small_copies = 1 },
	{ .copies_max = 1, .small_copies = 1 },
};

/* So many of them are tried where the rules are not too many for one already. */
#define TUNINGS_TRIED 4

struct builder {
	const struct fw_entry *entries;
	struct fw_ternary *ternaries;
	struct fw_view view; /* of both */
	unsigned int words;
	bool *is_left; /* by entry: for the trees to come */
	bool is_last;  /* tree: nothing may be left */
	struct tuning tuning;
	size_t nodes_max, items_max; /* what a room for so many rules has */
	__u32 *leaves;		     /* by hash: first item + 1 */
	__u16 *leaf_sizes;
	struct slot_reason *why;
	struct fw_forest forest;
};

void fw_forest_free(struct fw_forest *forest)
{
	free(forest->nodes);
	free(forest->items);
	*forest = (struct fw_forest){};
}

static int refuse_size(struct builder *b)
{
	return slot_reason_set(
		b->why, -E2BIG,
		"rules overlap too much: more than %zu nodes or %zu places of rules in "
		"leaves are needed",
		b->nodes_max, b->items_max);
}

static int refuse_leaf(struct builder *b, const struct fw_set *set)
{
	return slot_reason_set(b->why, -E2BIG,
			       "rules overlap too much: %zu rules, rule %u and rule %u among them, "
			       "cannot be told apart by addresses and ports; at most %d fit",
			       set->count, b->entries[set->items[0]].rule + 1,
			       b->entries[set->items[1]].rule + 1, FW_LEAF_MAX);
}

static int grow(void **array, size_t *room, size_t need, size_t size)
{
	size_t more = *room ? *room * 2 : 1024;
	void *grown;

	if (need <= *room)
		return 0;
	if (more < need)
		more = need;
	grown = reallocarray(*array, more, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = more;
	return 0;
}

static int add_nodes(struct builder *b, size_t count, __u32 *ret_base)
{
	struct fw_forest *f = &b->forest;
	int err;

	if (f->node_count + count > b->nodes_max)
		return refuse_size(b);
	err = grow((void **)&f->nodes, &f->node_room, f->node_count + count, sizeof(*f->nodes));
	if (err)
		return err;
	*ret_base = (__u32)f->node_count;
	f->node_count += count;
	return 0;
}

static __u32 hash_items(const struct fw_set *set)
{
	__u64 hash = set->count;
	size_t i;

	for (i = 0; i < set->count; i++)
		hash = (hash ^ set->items[i]) * 0x9e3779b97f4a7c15ULL;
	return (__u32)(hash >> (64 - LEAVES_SHIFT));
}

/* The same list is often needed in many places. */
static bool find_leaf(const struct builder *b, const struct fw_set *set, __u32 hash,
		      __u32 *ret_base)
{
	__u32 base = b->leaves[hash];

	if (!base || b->leaf_sizes[hash] != set->count ||
	    memcmp(&b->forest.items[base - 1], set->items, set->count * sizeof(*set->items)) != 0)
		return false;
	*ret_base = base - 1;
	return true;
}

static int add_leaf(struct builder *b, const struct fw_set *set, struct fw_node *ret_node)
{
	struct fw_forest *f = &b->forest;
	__u32 hash = hash_items(set), base = 0;
	int err;

	if (set->count && !find_leaf(b, set, hash, &base)) {
		if (f->item_count + set->count > b->items_max)
			return refuse_size(b);
		err = grow((void **)&f->items, &f->item_room, f->item_count + set->count,
			   sizeof(*f->items));
		if (err)
			return err;
		base = (__u32)f->item_count;
		memcpy(&f->items[base], set->items, set->count * sizeof(*set->items));
		f->item_count += set->count;
		b->leaves[hash] = base + 1;
		b->leaf_sizes[hash] = (__u16)set->count;
	}
	*ret_node = (struct fw_node){ .base = base, .mask = (__u16)set->count, .word = FW_LEAF };
	return 0;
}

/* Without a cut that helps: what is too much for a leaf waits for the next tree. */
static int add_last_leaf(struct builder *b, struct fw_set *set, struct fw_node *ret_node)
{
	size_t kept = set->count;

	if (b->is_last && kept > FW_LEAF_MAX)
		return refuse_leaf(b, set);
	if (!b->is_last && kept > LEAF_FAIR)
		kept = LEAF_FAIR;
	for (; set->count > kept; set->count--)
		b->is_left[set->items[set->count - 1]] = true;
	return add_leaf(b, set, ret_node);
}

/* The children's sets, one behind the other. */
struct children {
	size_t *starts; /* by child, and the end */
	__u32 *items;
};

static void free_children(struct children *children)
{
	free(children->starts);
	free(children->items);
}

/* Counts the entries of every child into starts[child + 2], or fills them in by starts[child + 1]. */
static void deal_entry(struct children *children, struct fw_places to, __u32 item)
{
	__u32 at = 0;

	for (; to.run; to.run--) {
		do {
			size_t *start = &children->starts[(to.first | at) + 1];

			if (children->items)
				children->items[(*start)++] = item;
			else
				start[1]++;
			at = (at - to.open) & to.open;
		} while (at);
		to.first++;
	}
}

static void deal_entries(struct builder *b, const struct fw_set *set, const struct fw_cut *cut,
			 struct children *children)
{
	size_t i;

	for (i = 0; i < set->count; i++) {
		struct fw_places to = fw_cut_places(cut, &b->ternaries[set->items[i]]);

		if (to.open_bits > cut->open_max)
			b->is_left[set->items[i]] = true;
		else
			deal_entry(children, to, set->items[i]);
	}
}

static int deal(struct builder *b, const struct fw_set *set, const struct fw_cut *cut,
		struct children *ret_children)
{
	_cleanup_(free_children) struct children children = {};
	size_t i, count = 1UL << cut->width;

	children.starts = calloc(count + 2, sizeof(*children.starts));
	if (!children.starts)
		return -ENOMEM;
	deal_entries(b, set, cut, &children);
	for (i = 2; i < count + 2; i++)
		children.starts[i] += children.starts[i - 1];
	if (children.starts[count + 1] > 2 * b->items_max)
		return refuse_size(b);
	children.items = calloc(children.starts[count + 1] + 1, sizeof(*children.items));
	if (!children.items)
		return -ENOMEM;
	deal_entries(b, set, cut, &children);
	*ret_children = children;
	children = (struct children){};
	return 0;
}

static int build_node(struct builder *b, struct fw_set set, const struct fw_region *region,
		      struct fw_node *ret_node);

static struct fw_set get_child(const struct builder *b, const struct children *children, size_t i)
{
	return (struct fw_set){ .ternaries = b->ternaries,
				.items = children->items + children->starts[i],
				.count = children->starts[i + 1] - children->starts[i] };
}

static bool is_same_set(const struct fw_set *a, const struct fw_set *b)
{
	return a->count == b->count &&
	       (!a->count || !memcmp(a->items, b->items, a->count * sizeof(*a->items)));
}

/* Whether a cut's children are ports, in whole or in part. */
static bool is_cut_of_ports(const struct fw_cut *cut)
{
	return !cut->word && cut->shift < 32;
}

static int build_children(struct builder *b, const struct fw_cut *cut,
			  const struct children *children, struct fw_region *region, __u32 base)
{
	struct fw_bits *fixed = &region->bits[cut->word], before = *fixed;
	struct fw_set set, last = {};
	struct fw_node node = {};
	size_t i;
	int err = 0;

	for (i = 0; !err && i < 1UL << cut->width; i++) {
		set = get_child(b, children, i);
		fixed->mask = before.mask | ((1ULL << cut->width) - 1) << cut->shift;
		fixed->value = before.value | (__u64)i << cut->shift;
		/*
		 * What is the same for two children stays the same below them, but where a range
		 * of ports ends in one of them: it hides other rules in each.
		 */
		if (!i || is_cut_of_ports(cut) || !is_same_set(&set, &last))
			err = build_node(b, set, region, &node);
		b->forest.nodes[base + i] = node;
		last = set;
	}
	*fixed = before;
	return err;
}

static int cut_node(struct builder *b, const struct fw_set *set, const struct fw_cut *cut,
		    const struct fw_region *region, struct fw_node *ret_node)
{
	_cleanup_(free_children) struct children children = {};
	struct fw_region below = *region;
	__u32 base = 0;
	int err;

	err = deal(b, set, cut, &children);
	if (!err)
		err = add_nodes(b, 1UL << cut->width, &base);
	below.depth++;
	if (!err)
		err = build_children(b, cut, &children, &below, base);
	if (err)
		return err;
	*ret_node = (struct fw_node){ .base = base,
				      .mask = (__u16)((1U << cut->width) - 1),
				      .shift = (__u8)cut->shift,
				      .word = (__u8)cut->word };
	return 0;
}

static int build_node(struct builder *b, struct fw_set set, const struct fw_region *region,
		      struct fw_node *ret_node)
{
	bool may_leave = !b->is_last && set.count > LEAF_FAIR;
	struct fw_cut cut;

	set.fixed = region->bits[0];
	set.copies_max = b->tuning.copies_max;
	if (!region->depth && set.count <= SMALL_TREE)
		set.copies_max *= b->tuning.small_copies;
	set.tree_weight = b->tuning.tree_weight;
	fw_hidden_drop_covered(&b->view, region, &set);
	if (set.count > LEAF_GOOD && set.count <= SHADOWED_MAX)
		fw_hidden_drop_shadowed(&b->view, region, &set);
	if (set.count <= LEAF_GOOD)
		return add_leaf(b, &set, ret_node);
	if (region->depth == FW_DEPTH_MAX || !fw_cut_choose(&set, b->words, may_leave, &cut))
		return add_last_leaf(b, &set, ret_node);
	return cut_node(b, &set, &cut, region, ret_node);
}

static int build_tree(struct builder *b, const struct fw_set *set)
{
	struct fw_forest_head *head = &b->forest.head;
	struct fw_region region = {};
	struct fw_node root;
	__u32 base = 0;
	int err;

	err = add_nodes(b, 1, &base);
	if (!err)
		err = build_node(b, *set, &region, &root);
	if (err)
		return err;
	b->forest.nodes[base] = root;
	head->trees[head->count].root = base;
	head->trees[head->count++].first_rule = b->entries[set->items[0]].rule;
	return 0;
}

/* Moves what was left to the front of @items. */
static size_t take_left(struct builder *b, __u32 *items, size_t count)
{
	size_t i, kept = 0;

	for (i = 0; i < count; i++) {
		if (b->is_left[items[i]])
			items[kept++] = items[i];
		b->is_left[items[i]] = false;
	}
	return kept;
}

static int compare_trees(const void *a, const void *b)
{
	__u32 x = ((const struct fw_tree *)a)->first_rule,
	      y = ((const struct fw_tree *)b)->first_rule;

	return (x > y) - (x < y);
}

static int build_forest(struct builder *b, __u32 *items, size_t count)
{
	struct fw_forest_head *head = &b->forest.head;
	struct fw_set set = { .ternaries = b->ternaries, .items = items, .count = count };
	int err = 0;

	fw_hidden_drop_below_broad(&b->view, &set);
	while (!err && set.count) {
		b->is_last = head->count == FW_TREES_MAX - 1;
		err = build_tree(b, &set);
		set.count = take_left(b, items, set.count);
	}
	qsort(head->trees, head->count, sizeof(*head->trees), compare_trees);
	return err;
}

static void free_builder(struct builder *b)
{
	free(b->ternaries);
	free(b->is_left);
	free(b->leaves);
	free(b->leaf_sizes);
	fw_forest_free(&b->forest);
}

/* Rooms for rules come in groups. */
static size_t get_room(size_t count)
{
	return count ? (count + FW_RULES_GROUP - 1) / FW_RULES_GROUP * FW_RULES_GROUP : 1;
}

static int try_build(const struct fw_entry *entries, size_t count, unsigned int words,
		     const struct tuning *tuning, struct slot_reason *why,
		     struct fw_forest *ret_forest)
{
	_cleanup_(free_builder) struct builder b = {
		.entries = entries,
		.words = words,
		.tuning = *tuning,
		.nodes_max = FW_NODES_PER_RULE * get_room(count),
		.items_max = FW_ITEMS_PER_RULE * get_room(count),
		.why = why,
		.ternaries = calloc(count + 1, sizeof(*b.ternaries)),
		.is_left = calloc(count + 1, sizeof(*b.is_left)),
		.leaves = calloc(1UL << LEAVES_SHIFT, sizeof(*b.leaves)),
		.leaf_sizes = calloc(1UL << LEAVES_SHIFT, sizeof(*b.leaf_sizes)),
	};
	_cleanup_free_ __u32 *items = calloc(count + 1, sizeof(*items));
	size_t i;
	int err;

	if (!b.ternaries || !b.is_left || !b.leaves || !b.leaf_sizes || !items)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	for (i = 0; i < count; i++) {
		fw_ternary_set(&entries[i], &b.ternaries[i]);
		items[i] = (__u32)i;
	}
	b.view = (struct fw_view){ entries, b.ternaries, words };
	err = build_forest(&b, items, count);
	if (err == -ENOMEM)
		slot_reason_set(why, err, "out of memory");
	if (err)
		return err;
	*ret_forest = b.forest;
	b.forest = (struct fw_forest){};
	return 0;
}

int fw_forest_build(const struct fw_entry *entries, size_t count, unsigned int words,
		    struct slot_reason *why, struct fw_forest *ret_forest)
{
	_cleanup_(fw_forest_free) struct fw_forest best = {};
	size_t i, tunings_count = sizeof(tunings) / sizeof(tunings[0]);
	unsigned long cost, least = 0;
	bool has_best = false;
	int err = 0;

	for (i = 0; i < tunings_count && !(has_best && i >= TUNINGS_TRIED); i++) {
		_cleanup_(fw_forest_free) struct fw_forest forest = {};

		err = try_build(entries, count, words, &tunings[i], why, &forest);
		if (err && err != -E2BIG)
			return err;
		cost = err ? 0 : fw_walk_cost(&forest, entries, count, words);
		if (err || (has_best && cost >= least))
			continue;
		least = cost;
		fw_forest_free(&best);
		best = forest;
		forest = (struct fw_forest){};
		has_best = true;
	}
	if (!has_best)
		return err;
	*ret_forest = best;
	best = (struct fw_forest){};
	return 0;
}
