/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding the first rule that matches a packet: the walk through the forest of fw_abi.h. */
#ifndef FW_DATA_FIND_H
#define FW_DATA_FIND_H

#include <stdbool.h>

#include "programs/firewall/data/key.h"
#include "programs/firewall/data/maps.h"

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

/*
 * FW_FIND - ask_NAME: the first match of the leaf that @root leads to, in the order of their
 * rules; and fw_NAME: the first that trees @from on find. A global function: the verifier walks
 * it once, whoever calls it, and not again for each way by which a packet comes to it. Of
 * several trees, as a call takes 5 ns; of some, as the verifier walks each.
 */
#define FW_FIND(name, matches, differ_in_addresses)                                                \
	static __always_inline __u64 ask_##name(const __u64 *key, __u32 root)                      \
	{                                                                                          \
		struct fw_node *leaf = walk_tree(key, root);                                       \
                                                                                                   \
		if (!leaf)                                                                         \
			return FOUND_NONE;                                                         \
		for (__u32 at = 0; at < FW_LEAF_MAX && at < leaf->mask; at++) {                    \
			__u32 index = leaf->base + at;                                             \
			__u32 *item = bpf_map_lookup_elem(&fw_items, &index);                      \
			typeof(*(matches).value) *match;                                           \
                                                                                                   \
			if (!item)                                                                 \
				break;                                                             \
			match = bpf_map_lookup_elem(&(matches), item);                             \
			if (!match)                                                                \
				break;                                                             \
			if (!differ_in_addresses(match, key) &&                                    \
			    !differ_in_word(match->bits, key, 0) &&                                \
			    !differ_in_ports(&match->ports, key[0]))                               \
				return FOUND(match->rule, match->answer);                          \
		}                                                                                  \
		return FOUND_NONE;                                                                 \
	}                                                                                          \
                                                                                                   \
	__noinline __u64 fw_##name(const struct fw_key *key, const struct fw_forest_head *forest,  \
				   __u32 from)                                                     \
	{                                                                                          \
		__u64 found = forget_word(FOUND_NONE);                                             \
                                                                                                   \
		if (!key || !forest)                                                               \
			return found;                                                              \
		for (__u32 i = 0; i < TREES_AT_ONCE; i++) {                                        \
			const struct fw_tree *tree = &forest->trees[(from & TREES_AT_ONCE) + i];   \
                                                                                                   \
			if (from + i >= forest->count || tree->first_rule >= found >> 32)          \
				break;                                                             \
			found = get_first(found, forget_word(ask_##name(key->words, tree->root))); \
		}                                                                                  \
		return found;                                                                      \
	}

FW_FIND(find4, fw_matches4, differ_in_addresses4)
FW_FIND(find6, fw_matches6, differ_in_addresses6)

static __always_inline struct fw_found find_rule(const struct fw_head *head,
						 const struct fw_key *key, bool is_ip6)
{
	const struct fw_forest_head *forest = is_ip6 ? &head->forest6 : &head->forest4;
	__u64 found = FOUND_NONE;

	for (__u32 from = 0; from < FW_TREES_MAX; from += TREES_AT_ONCE) {
		if (from >= forest->count || forest->trees[from].first_rule >= found >> 32)
			break;
		found = get_first(found, is_ip6 ? fw_find6(key, forest, from) :
						  fw_find4(key, forest, from));
	}
	return (struct fw_found){ .rule = found >> 32, .answer = found };
}

#endif
