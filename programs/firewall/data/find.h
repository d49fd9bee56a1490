/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding the first rule that matches a packet: the walk through the forest of fw_abi.h. */
#ifndef FW_DATA_FIND_H
#define FW_DATA_FIND_H

#include "programs/firewall/data/maps.h"

/* Words of a key, which are found by a number that the verifier does not know. */
#define KEY_ROOM 8

/*
 * forget - to the verifier @number may be any from here on: it does not follow
 * the upper half of what is written to the stack as a whole. The other way round,
 * halves read as a whole, the CPU would wait for both to be written.
 */
static __always_inline __u32 forget(__u32 number)
{
	volatile __u64 room = (__u64)number << 32;

	return ((volatile __u32 *)&room)[1];
}

static __always_inline __u64 forget_word(__u64 word)
{
	return (__u64)forget(word >> 32) << 32 | forget(word);
}

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

static __always_inline __u64 differ_in_ports(const struct fw_ports *ports, __u64 word)
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

/* Most matches of a leaf are about other addresses, which is all that is looked at then. */
static __always_inline __u64 differ_in_addresses4(const struct fw_match4 *match, const __u64 *key)
{
	return differ_in_word(match->bits, key, 1);
}

static __always_inline __u64 differ_in_addresses6(const struct fw_match6 *match, const __u64 *key)
{
	return differ_in_word(match->bits, key, 1) | differ_in_word(match->bits, key, 2) |
	       differ_in_word(match->bits, key, 3) | differ_in_word(match->bits, key, 4);
}

/*
 * What is found becomes @rule where that comes before it. Without a branch, from which the
 * verifier would learn about numbers, and so take one tree's end for different from another's.
 */
static __always_inline void keep_first(struct fw_found *found, __u32 rule, __u32 answer)
{
	__s64 ahead = (__s64)rule - found->rule;
	__u32 taken;

	barrier_var(ahead);
	taken = ahead >> 63;
	found->rule ^= (found->rule ^ rule) & taken;
	found->answer ^= (found->answer ^ answer) & taken;
}

/* Asks the matches of @leaf, in the order of their rules; the first one is the leaf's answer. */
#define ASK_LEAF(leaf, matches, differ_in_addresses, key, found)                                   \
	for (__u32 at = 0; at < FW_LEAF_MAX && at < (leaf)->mask; at++) {                          \
		__u32 index = (leaf)->base + at, *item = bpf_map_lookup_elem(&fw_items, &index);   \
		typeof(*(matches).value) *match;                                                   \
                                                                                                   \
		if (!item)                                                                         \
			break;                                                                     \
		match = bpf_map_lookup_elem(&(matches), item);                                     \
		if (!match)                                                                        \
			break;                                                                     \
		if (differ_in_addresses(match, key) || differ_in_word(match->bits, key, 0) ||      \
		    differ_in_ports(&match->ports, (key)[0]))                                      \
			continue;                                                                  \
		keep_first(found, match->rule, match->answer);                                     \
		break;                                                                             \
	}

static __always_inline struct fw_found find4(const struct fw_forest_head *forest, const __u64 *key)
{
	struct fw_found found = { .rule = FW_NO_RULE, .answer = FW_ACCEPT };

	found.rule = forget(found.rule);
	found.answer = forget(found.answer);
	for (__u32 i = 0; i < FW_TREES_MAX && i < forest->count; i++) {
		struct fw_node *leaf;

		if (forest->trees[i].first_rule >= found.rule)
			break;
		leaf = walk_tree(key, forest->trees[i].root);
		if (!leaf)
			break;
		ASK_LEAF(leaf, fw_matches4, differ_in_addresses4, key, &found);
	}
	return found;
}

static __always_inline struct fw_found find6(const struct fw_forest_head *forest, const __u64 *key)
{
	struct fw_found found = { .rule = FW_NO_RULE, .answer = FW_ACCEPT };

	found.rule = forget(found.rule);
	found.answer = forget(found.answer);
	for (__u32 i = 0; i < FW_TREES_MAX && i < forest->count; i++) {
		struct fw_node *leaf;

		if (forest->trees[i].first_rule >= found.rule)
			break;
		leaf = walk_tree(key, forest->trees[i].root);
		if (!leaf)
			break;
		ASK_LEAF(leaf, fw_matches6, differ_in_addresses6, key, &found);
	}
	return found;
}

#endif
