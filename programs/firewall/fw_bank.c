/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/fw_bank.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/grace.h"

/* Elements that one system call writes. */
#define BATCH 16384

struct writer {
	const int *fds;
	__u32 bank;
	__u32 room[FW_MAP_COUNT]; /* elements of a bank */
	struct slot_reason *why;
	__u32 *keys;
};

static __u32 get_first(const struct writer *w, enum fw_map map)
{
	return w->bank * w->room[map];
}

static const char *const names[FW_MAP_COUNT] = {
	[FW_MAP_RULESETS] = FW_RULESETS_NAME, [FW_MAP_NODES] = FW_NODES_NAME,
	[FW_MAP_ITEMS] = FW_ITEMS_NAME,	      [FW_MAP_MATCHES4] = FW_MATCHES4_NAME,
	[FW_MAP_MATCHES6] = FW_MATCHES6_NAME, [FW_MAP_ACTIONS] = FW_ACTIONS_NAME,
	[FW_MAP_HITS] = FW_HITS_NAME,	      [FW_MAP_TEXT] = FW_TEXT_NAME,
};

static int refuse_write(struct slot_reason *why, enum fw_map map, int err)
{
	return slot_reason_set(why, err,
			       "cannot write map '%s': %s; the rules from before stay in force",
			       names[map], strerror(-err));
}

/* @count elements of @size bytes, from element @first on. */
static int write_elements(const struct writer *w, enum fw_map map, __u32 first, const void *values,
			  size_t count, size_t size)
{
	size_t done, i;
	__u32 some;
	int err;

	for (done = 0; done < count; done += some) {
		some = count - done < BATCH ? (__u32)(count - done) : BATCH;
		for (i = 0; i < some; i++)
			w->keys[i] = first + (__u32)(done + i);
		err = bpf_map_update_batch(w->fds[map], w->keys, (const char *)values + done * size,
					   &some, NULL);
		if (err)
			return refuse_write(w->why, map, err);
	}
	return 0;
}

/* The forest's nodes and items lie behind those of another, @node and @item of them, in the bank. */
static int write_nodes(const struct writer *w, const struct fw_forest *forest, __u32 node,
		       __u32 item)
{
	_cleanup_free_ struct fw_node *nodes = calloc(forest->node_count + 1, sizeof(*nodes));
	size_t i;

	if (!nodes)
		return slot_reason_set(w->why, -ENOMEM, "out of memory");
	for (i = 0; i < forest->node_count; i++) {
		nodes[i] = forest->nodes[i];
		nodes[i].base += nodes[i].word == FW_LEAF ? item : node;
	}
	return write_elements(w, FW_MAP_NODES, node, nodes, forest->node_count, sizeof(*nodes));
}

/* Items name matches from element @match on. */
static int write_items(const struct writer *w, const struct fw_forest *forest, __u32 item,
		       __u32 match)
{
	_cleanup_free_ __u32 *items = calloc(forest->item_count + 1, sizeof(*items));
	size_t i;

	if (!items)
		return slot_reason_set(w->why, -ENOMEM, "out of memory");
	for (i = 0; i < forest->item_count; i++)
		items[i] = forest->items[i] + match;
	return write_elements(w, FW_MAP_ITEMS, item, items, forest->item_count, sizeof(*items));
}

static int write_matches4(const struct writer *w, const struct fw_family *family)
{
	_cleanup_free_ struct fw_match4 *matches = calloc(family->count + 1, sizeof(*matches));
	size_t i;

	if (!matches)
		return slot_reason_set(w->why, -ENOMEM, "out of memory");
	for (i = 0; i < family->count; i++) {
		memcpy(matches[i].bits, family->entries[i].bits, sizeof(matches[i].bits));
		matches[i].ports = family->entries[i].ports;
		matches[i].rule = family->entries[i].rule;
		matches[i].answer = family->entries[i].answer;
	}
	return write_elements(w, FW_MAP_MATCHES4, get_first(w, FW_MAP_MATCHES4), matches,
			      family->count, sizeof(*matches));
}

static int write_matches6(const struct writer *w, const struct fw_family *family)
{
	_Static_assert(sizeof(struct fw_entry) == sizeof(struct fw_match6), "the same fields");

	return write_elements(w, FW_MAP_MATCHES6, get_first(w, FW_MAP_MATCHES6), family->entries,
			      family->count, sizeof(struct fw_match6));
}

/* In whole chunks, the last filled up with 0. */
static int write_text(const struct writer *w, const struct fw_compiled *compiled)
{
	size_t count = (compiled->head.text_len + FW_TEXT_CHUNK - 1) / FW_TEXT_CHUNK;
	_cleanup_free_ struct fw_text_chunk *chunks = calloc(count + 1, sizeof(*chunks));

	if (!chunks)
		return slot_reason_set(w->why, -ENOMEM, "out of memory");
	if (compiled->head.text_len)
		memcpy(chunks, compiled->text, compiled->head.text_len);
	return write_elements(w, FW_MAP_TEXT, get_first(w, FW_MAP_TEXT), chunks, count,
			      sizeof(*chunks));
}

/* A ruleset counts from 0, and begins with full buckets, as its actions are. */
static int clear_hits(const struct writer *w)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct fw_hits *hits = cpus > 0 ? calloc((size_t)cpus, sizeof(*hits)) : NULL;
	__u32 i, first = get_first(w, FW_MAP_HITS);
	int err;

	if (!hits)
		return slot_reason_set(w->why, -ENOMEM, "out of memory");
	for (i = first; i < first + w->room[FW_MAP_HITS]; i++) {
		err = bpf_map_update_elem(w->fds[FW_MAP_HITS], &i, hits, BPF_ANY);
		if (err)
			return refuse_write(w->why, FW_MAP_HITS, err);
	}
	return 0;
}

static void set_forest_head(const struct fw_forest *forest, __u32 node,
			    struct fw_forest_head *ret_head)
{
	__u32 i;

	*ret_head = forest->head;
	for (i = 0; i < ret_head->count; i++)
		ret_head->trees[i].root += node;
}

/* All of a ruleset but its head, which becomes @ret_head. */
static int write_bank(const struct writer *w, const struct fw_compiled *compiled,
		      struct fw_head *ret_head)
{
	const struct fw_family *family4 = &compiled->family4, *family6 = &compiled->family6;
	__u32 node4 = get_first(w, FW_MAP_NODES), item4 = get_first(w, FW_MAP_ITEMS);
	__u32 node6 = node4 + (__u32)family4->forest->node_count;
	__u32 item6 = item4 + (__u32)family4->forest->item_count;
	struct fw_head head = compiled->head;
	int err;

	set_forest_head(family4->forest, node4, &head.forest4);
	set_forest_head(family6->forest, node6, &head.forest6);
	head.hits = get_first(w, FW_MAP_HITS);
	err = clear_hits(w);
	if (!err)
		err = write_nodes(w, family4->forest, node4, item4);
	if (!err)
		err = write_nodes(w, family6->forest, node6, item6);
	if (!err)
		err = write_items(w, family4->forest, item4, get_first(w, FW_MAP_MATCHES4));
	if (!err)
		err = write_items(w, family6->forest, item6, get_first(w, FW_MAP_MATCHES6));
	if (!err)
		err = write_matches4(w, family4);
	if (!err)
		err = write_matches6(w, family6);
	if (!err)
		err = write_elements(w, FW_MAP_ACTIONS, w->bank * FW_ACTIONS_MAX, compiled->actions,
				     compiled->action_count, sizeof(*compiled->actions));
	if (!err)
		err = write_text(w, compiled);
	if (!err)
		*ret_head = head;
	return err;
}

/* In two steps: a packet that meets the number is to find the head. */
static int swap_bank(const struct writer *w, struct fw_rulesets *rulesets)
{
	int err = write_elements(w, FW_MAP_RULESETS, 0, rulesets, 1, sizeof(*rulesets));

	rulesets->loads++;
	if (!err)
		err = write_elements(w, FW_MAP_RULESETS, 0, rulesets, 1, sizeof(*rulesets));
	return err;
}

/* Halves of the maps, which have the sizes that the slot's settings gave them. */
static int get_rooms(struct writer *w)
{
	enum fw_map map;

	for (map = 0; map < FW_MAP_COUNT; map++) {
		struct bpf_map_info info = {};
		__u32 len = sizeof(info);

		if (bpf_map_get_info_by_fd(w->fds[map], &info, &len))
			return slot_reason_set(w->why, -errno,
					       "cannot read the size of map '%s': %s", names[map],
					       strerror(errno));
		w->room[map] = info.max_entries / FW_BANKS;
	}
	return 0;
}

static int check_room(const struct writer *w, enum fw_map map, const char *what, size_t count)
{
	if (count <= w->room[map])
		return 0;
	return slot_reason_set(w->why, -E2BIG,
			       "the ruleset has %zu %s, and the slot has room for %u: a greater "
			       "rules_max in its settings makes more",
			       count, what, w->room[map]);
}

static int check_rooms(const struct writer *w, const struct fw_compiled *compiled)
{
	const struct fw_family *family4 = &compiled->family4, *family6 = &compiled->family6;
	size_t groups = (compiled->head.rules + FW_RULES_GROUP - 1) / FW_RULES_GROUP;
	int err = check_room(w, FW_MAP_MATCHES4, "matches of IPv4", family4->count);

	if (!err)
		err = check_room(w, FW_MAP_MATCHES6, "matches of IPv6", family6->count);
	if (!err)
		err = check_room(w, FW_MAP_HITS, "thousands of rules", groups);
	if (!err)
		err = check_room(w, FW_MAP_NODES, "nodes",
				 family4->forest->node_count + family6->forest->node_count);
	if (!err)
		err = check_room(w, FW_MAP_ITEMS, "places of rules in leaves",
				 family4->forest->item_count + family6->forest->item_count);
	if (!err)
		err = check_room(w, FW_MAP_TEXT, "times 4 KiB of deflated text",
				 (compiled->head.text_len + FW_TEXT_CHUNK - 1) / FW_TEXT_CHUNK);
	if (err || compiled->action_count <= w->room[FW_MAP_ACTIONS])
		return err;
	return slot_reason_set(w->why, -E2BIG,
			       "%zu rules of the ruleset limit or sample, and at most %u can",
			       compiled->action_count, w->room[FW_MAP_ACTIONS]);
}

int fw_bank_load(const int fds[FW_MAP_COUNT], const struct fw_compiled *compiled,
		 struct slot_reason *why)
{
	_cleanup_free_ __u32 *keys = calloc(BATCH, sizeof(*keys));
	struct writer w = { .fds = fds, .why = why, .keys = keys };
	struct fw_rulesets rulesets;
	__u32 zero = 0;
	int err;

	if (!keys)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = get_rooms(&w);
	if (!err)
		err = check_rooms(&w, compiled);
	if (err)
		return err;
	err = bpf_map_lookup_elem(fds[FW_MAP_RULESETS], &zero, &rulesets);
	if (err)
		return slot_reason_set(why, err, "cannot read map '%s': %s", FW_RULESETS_NAME,
				       strerror(-err));
	w.bank = (rulesets.loads + 1) & (FW_BANKS - 1);
	/* Packets from before the last swap may still be in the bank that is written now. */
	program_grace();
	err = write_bank(&w, compiled, &rulesets.banks[w.bank]);
	return err ? err : swap_bank(&w, &rulesets);
}
