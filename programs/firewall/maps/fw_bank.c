/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/maps/fw_bank.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/grace.h"

/* Elements that one system call writes. */
#define BATCH 16384

/* Elements that a match takes. */
#define MATCH_SIZE4 1
#define MATCH_SIZE6 2

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

static int refuse_write(struct slot_reason *why, enum fw_map map, int err)
{
	return slot_reason_set(why, err, "cannot write map '%s': %s", fw_maps[map].name,
			       strerror(-err));
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

/* Items name matches of @size elements, from element @match on. */
static int write_items(const struct writer *w, const struct fw_forest *forest, __u32 item,
		       __u32 match, __u32 size)
{
	_cleanup_free_ __u32 *items = calloc(forest->item_count + 1, sizeof(*items));
	size_t i;

	if (!items)
		return slot_reason_set(w->why, -ENOMEM, "out of memory");
	for (i = 0; i < forest->item_count; i++)
		items[i] = match + forest->items[i] * size;
	return write_elements(w, FW_MAP_ITEMS, item, items, forest->item_count, sizeof(*items));
}

/* From element @first on, each in @size elements. */
static int write_matches(const struct writer *w, const struct fw_entry_list *entries, __u32 first,
			 size_t size)
{
	_cleanup_free_ struct fw_match *matches =
		calloc(entries->count * size + 1, sizeof(*matches));
	size_t i;

	if (!matches)
		return slot_reason_set(w->why, -ENOMEM, "out of memory");
	for (i = 0; i < entries->count; i++) {
		const struct fw_entry *entry = &entries->items[i];
		struct fw_match *match = &matches[i * size];

		memcpy(match->bits, entry->bits, sizeof(match->bits));
		match->ports = entry->ports;
		match->rule = entry->rule;
		match->answer = entry->answer;
		if (size == MATCH_SIZE6)
			memcpy(match + 1, &entry->bits[FW_WORDS4], sizeof(struct fw_match_rest));
	}
	return write_elements(w, FW_MAP_MATCHES, first, matches, entries->count * size,
			      sizeof(*matches));
}

/* In whole chunks, the last filled up with 0. */
static int write_text(const struct writer *w, const struct fw_build *build)
{
	size_t count = (build->head.text_len + FW_TEXT_CHUNK - 1) / FW_TEXT_CHUNK;
	_cleanup_free_ struct fw_text_chunk *chunks = calloc(count + 1, sizeof(*chunks));

	if (!chunks)
		return slot_reason_set(w->why, -ENOMEM, "out of memory");
	if (build->head.text_len)
		memcpy(chunks, build->text, build->head.text_len);
	return write_elements(w, FW_MAP_TEXT, get_first(w, FW_MAP_TEXT), chunks, count,
			      sizeof(*chunks));
}

/* A ruleset counts from 0, and begins with full buckets, as its actions are. */
static int clear_hits(const struct writer *w)
{
	return program_map_clear(w->fds[FW_MAP_HITS], &fw_maps[FW_MAP_HITS],
				 get_first(w, FW_MAP_HITS), w->room[FW_MAP_HITS], w->why);
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
static int write_bank(const struct writer *w, const struct fw_build *build,
		      struct fw_head *ret_head)
{
	const struct fw_forest *forest4 = &build->forest4, *forest6 = &build->forest6;
	__u32 node4 = get_first(w, FW_MAP_NODES), item4 = get_first(w, FW_MAP_ITEMS);
	__u32 node6 = node4 + (__u32)forest4->node_count;
	__u32 item6 = item4 + (__u32)forest4->item_count;
	__u32 match4 = get_first(w, FW_MAP_MATCHES);
	__u32 match6 = match4 + (__u32)build->entries4.count * MATCH_SIZE4;
	struct fw_head head = build->head;
	int err;

	set_forest_head(forest4, node4, &head.forest4);
	set_forest_head(forest6, node6, &head.forest6);
	head.hits = get_first(w, FW_MAP_HITS);
	err = clear_hits(w);
	if (!err)
		err = write_nodes(w, forest4, node4, item4);
	if (!err)
		err = write_nodes(w, forest6, node6, item6);
	if (!err)
		err = write_items(w, forest4, item4, match4, MATCH_SIZE4);
	if (!err)
		err = write_items(w, forest6, item6, match6, MATCH_SIZE6);
	if (!err)
		err = write_matches(w, &build->entries4, match4, MATCH_SIZE4);
	if (!err)
		err = write_matches(w, &build->entries6, match6, MATCH_SIZE6);
	if (!err)
		err = write_elements(w, FW_MAP_ACTIONS, w->bank * FW_ACTIONS_MAX, build->actions,
				     build->action_count, sizeof(*build->actions));
	if (!err)
		err = write_text(w, build);
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

static int get_rooms(struct writer *w)
{
	enum fw_map map;
	int err = 0;

	for (map = 0; !err && map < FW_MAP_COUNT; map++)
		err = fw_map_room(w->fds[map], map, w->why, &w->room[map]);
	return err;
}

static int check(const struct writer *w, const char *what, size_t count, size_t room)
{
	if (count <= room)
		return 0;
	return slot_reason_set(w->why, -E2BIG,
			       "the ruleset has %zu %s, and the slot has room for %zu: a greater "
			       "rules_max in its settings makes more",
			       count, what, room);
}

static int check_room(const struct writer *w, enum fw_map map, const char *what, size_t count)
{
	return check(w, what, count, w->room[map]);
}

static int check_rooms(const struct writer *w, const struct fw_build *build)
{
	const struct fw_forest *forest4 = &build->forest4, *forest6 = &build->forest6;
	int err =
		check(w, "rules", build->head.rules, (size_t)w->room[FW_MAP_HITS] * FW_RULES_GROUP);

	if (!err)
		err = check_room(w, FW_MAP_MATCHES, "matches, those of IPv6 counted twice",
				 build->entries4.count * MATCH_SIZE4 +
					 build->entries6.count * MATCH_SIZE6);
	if (!err)
		err = check_room(w, FW_MAP_NODES, "nodes",
				 forest4->node_count + forest6->node_count);
	if (!err)
		err = check_room(w, FW_MAP_ITEMS, "places of rules in leaves",
				 forest4->item_count + forest6->item_count);
	if (!err)
		err = check_room(w, FW_MAP_TEXT, "times 4 KiB of deflated text",
				 (build->head.text_len + FW_TEXT_CHUNK - 1) / FW_TEXT_CHUNK);
	if (err || build->action_count <= w->room[FW_MAP_ACTIONS])
		return err;
	return slot_reason_set(w->why, -E2BIG,
			       "%zu rules of the ruleset limit or sample, and at most %u can",
			       build->action_count, w->room[FW_MAP_ACTIONS]);
}

int fw_bank_load(const int fds[FW_MAP_COUNT], const struct fw_build *build, struct slot_reason *why)
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
		err = check_rooms(&w, build);
	if (err)
		return err;
	err = bpf_map_lookup_elem(fds[FW_MAP_RULESETS], &zero, &rulesets);
	if (err)
		return slot_reason_set(why, err, "cannot read map '%s': %s", FW_RULESETS_NAME,
				       strerror(-err));
	w.bank = (rulesets.loads + 1) & (FW_BANKS - 1);
	/* Packets from before the last swap may still be in the bank that is written now. */
	program_grace();
	err = write_bank(&w, build, &rulesets.banks[w.bank]);
	return err ? err : swap_bank(&w, &rulesets);
}
