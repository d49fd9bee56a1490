/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding the first rule that matches a packet: the walk through the forest of fw_abi.h. */
#ifndef FW_DATA_FIND_H
#define FW_DATA_FIND_H

#include <stdbool.h>

#include "programs/firewall/data/key.h"
#include "programs/firewall/data/maps.h"

struct fw_found {
	__u32 rule; /* FW_NO_RULE: none */
	__u32 answer;
};

/*
 * Not 0 where @port is not within the @span ports from @lo on. Without a branch, as
 * every one of a match doubles what the verifier has to walk.
 */
static __always_inline __u64 get_distance(__u16 port, __u16 lo, __u16 span)
{
	__u64 off = (__u16)(port - lo), left = span - off;

	barrier_var(left);
	return left >> 63;
}

static __always_inline __u64 differ_in_ports(const struct fw_port_ranges *ports, __u64 word)
{
	return get_distance(word >> FW_DPORT_SHIFT, ports->dport_lo, ports->dport_span) |
	       get_distance(word >> FW_SPORT_SHIFT, ports->sport_lo, ports->sport_span);
}

/* The leaf that the key leads to; NULL where the tree is broken. */
static __always_inline struct fw_node *walk_tree(const __u64 *key, __u32 root)
{
	__u32 index = root;

	for (int i = 0; i <= FW_DEPTH_MAX; i++) {
		struct fw_node *node = bpf_map_lookup_elem(&fw_nodes, &index);

		if (!node || node->word == FW_LEAF)
			return node;
		index = node->base +
			(key[node->word & (KEY_ROOM - 1)] >> (node->shift & 63) & node->mask);
	}
	return NULL;
}

static __always_inline __u64 differ_in_word(const struct fw_bits *bits, const __u64 *key, int word)
{
	return (key[word] ^ bits[word].value) & bits[word].mask;
}

/* A rule and its answer in one number, of which the lesser comes first. */
#define FOUND(rule, answer) ((__u64)(rule) << 32 | (answer))
#define FOUND_NONE FOUND(FW_NO_RULE, FW_ACCEPT)

/* The lesser, without a branch: the verifier learns nothing, and all trees' ends are one to it. */
static __always_inline __u64 get_first(__u64 found, __u64 next)
{
	__s64 ahead = (__s64)((next >> 1) - (found >> 1));

	barrier_var(ahead);
	return found ^ ((found ^ next) & (__u64)(ahead >> 63));
}

/* Of a forest in one call; a forest of 100,000 rules has so many. */
#define TREES_AT_ONCE 4
_Static_assert(FW_TREES_MAX == 2 * TREES_AT_ONCE, "two calls ask all trees");

/* Of a leaf without a call: most have no more. */
#define LEAF_AT_ONCE 4
_Static_assert(FW_LEAF_MAX > LEAF_AT_ONCE, "a call asks the rest");

/* Whether the words differ that IPv6 alone has; @match is the match's element. */
static __always_inline bool differ_in_rest(__u32 match, const __u64 *key)
{
	__u32 index = match + 1;
	struct fw_match_rest *rest = bpf_map_lookup_elem(&fw_matches, &index);

	return !rest || differ_in_word(rest->bits, key, 0) || differ_in_word(rest->bits, key, 1) ||
	       differ_in_word(rest->bits, key, 2);
}

/* The @at-th match of a leaf: 0 where it does not match, FOUND_NONE where there is none. */
static __always_inline __u64 ask_match(const struct fw_key *key, __u32 base, __u32 count, __u32 at)
{
	__u32 index = base + at, *item;
	struct fw_match *match;

	item = at < count ? bpf_map_lookup_elem(&fw_items, &index) : NULL;
	match = item ? bpf_map_lookup_elem(&fw_matches, item) : NULL;
	if (!match)
		return FOUND_NONE;
	if (differ_in_word(match->bits, key->words, 1) ||
	    differ_in_word(match->bits, key->words, 0) ||
	    differ_in_ports(&match->ports, key->words[0]))
		return 0;
	if (key->is_ip6 && differ_in_rest(*item, key->words + FW_WORDS4))
		return 0;
	return FOUND(match->rule, match->answer);
}

/* Of a leaf's matches the first from LEAF_AT_ONCE on. Global, as fw_find(). */
__noinline __u64 fw_find_rest(const struct fw_key *key, __u32 base, __u32 count)
{
	if (!key)
		return FOUND_NONE;
	VERIFIER_UNROLL
	for (__u32 at = LEAF_AT_ONCE; at < FW_LEAF_MAX; at++) {
		__u64 found = ask_match(key, base, count, at);

		if (found)
			return found;
	}
	return FOUND_NONE;
}

/* @found, or the first match of the leaf that @root leads to, where that comes first. */
static __always_inline __u64 ask_tree(const struct fw_key *key, __u32 root, __u64 found)
{
	struct fw_node *leaf = walk_tree(key->words, root);

	if (!leaf)
		return found;
	VERIFIER_UNROLL
	for (__u32 at = 0; at < LEAF_AT_ONCE; at++) {
		__u64 next = ask_match(key, leaf->base, leaf->mask, at);

		if (next == FOUND_NONE)
			return found;
		if (next)
			return get_first(found, next);
	}
	if (leaf->mask <= LEAF_AT_ONCE)
		return found;
	return get_first(found, fw_find_rest(key, leaf->base, leaf->mask));
}

/*
 * fw_find - the first match of the trees from @from on. A global function: the verifier walks it
 * once, whoever calls it, and not again for each way by which a packet comes to it. Of several
 * trees, as a call takes 5 ns; of some, as the verifier walks each.
 */
__noinline __u64 fw_find(const struct fw_key *key, const struct fw_forest_head *forest, __u32 from)
{
	__u64 found = verifier_forget_word(FOUND_NONE);

	if (!key || !forest)
		return found;
	for (__u32 i = 0; i < TREES_AT_ONCE; i++) {
		const struct fw_tree *tree = &forest->trees[(from & TREES_AT_ONCE) + i];

		if (from + i >= forest->count || tree->first_rule >= found >> 32)
			break;
		found = ask_tree(key, tree->root, found);
	}
	return found;
}

static __always_inline struct fw_found find_rule(const struct fw_head *head,
						 const struct fw_key *key)
{
	const struct fw_forest_head *forest = key->is_ip6 ? &head->forest6 : &head->forest4;
	__u64 found = FOUND_NONE;

	for (__u32 from = 0; from < FW_TREES_MAX; from += TREES_AT_ONCE) {
		if (from >= forest->count || forest->trees[from].first_rule >= found >> 32)
			break;
		found = get_first(found, fw_find(key, forest, from));
	}
	return (struct fw_found){ .rule = found >> 32, .answer = found };
}

#endif
