/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/compile/fw_walk.h"

/* Measured with data/find.h: see docs/benchmarks.md. */
#define TREE_COST 1500
#define NODE_COST 1900
#define ITEM_COST 1700
/* Packets that a forest is judged by. */
#define PACKETS 512

bool fw_entry_is_match(const struct fw_entry *entry, const __u64 *key, unsigned int words)
{
	const struct fw_port_ranges *ports = &entry->ports;
	__u16 dport = (__u16)(key[0] >> FW_DPORT_SHIFT), sport = (__u16)(key[0] >> FW_SPORT_SHIFT);
	unsigned int word;

	for (word = 0; word < words; word++)
		if ((key[word] ^ entry->bits[word].value) & entry->bits[word].mask)
			return false;
	return (__u16)(dport - ports->dport_lo) <= ports->dport_span &&
	       (__u16)(sport - ports->sport_lo) <= ports->sport_span;
}

/* A number that looks like one at random, the same in each compilation. */
static __u64 mix(__u64 number)
{
	number = (number ^ number >> 31) * 0x9e3779b97f4a7c15ULL;
	number = (number ^ number >> 29) * 0xbf58476d1ce4e5b9ULL;
	return number ^ number >> 32;
}

/* A packet's key that @entry matches. */
static void make_key(const struct fw_entry *entry, __u64 seed, unsigned int words, __u64 *key)
{
	const struct fw_port_ranges *ports = &entry->ports;
	unsigned int word;

	for (word = 0; word < words; word++)
		key[word] = entry->bits[word].value |
			    (mix(seed * FW_WORDS6 + word) & ~entry->bits[word].mask);
	key[0] &= ~0xffffffffULL;
	key[0] |= (__u64)(__u16)(ports->dport_lo + mix(seed) % (ports->dport_span + 1U))
			  << FW_DPORT_SHIFT |
		  (__u64)(__u16)(ports->sport_lo + mix(~seed) % (ports->sport_span + 1U))
			  << FW_SPORT_SHIFT;
}

/* Mostly no rule matches addresses of one and ports of another. */
static void spoil_key(const struct fw_entry *entries, size_t count, __u64 seed, unsigned int words,
		      __u64 *key)
{
	__u64 first = key[0];

	make_key(&entries[mix(seed) % count], ~seed, words, key);
	key[0] = first;
}

static unsigned long walk_tree(const struct fw_forest *forest, const struct fw_tree *tree,
			       const struct fw_entry *entries, const __u64 *key, unsigned int words,
			       long *best)
{
	const struct fw_node *node = &forest->nodes[tree->root];
	unsigned long cost = TREE_COST + NODE_COST;
	__u16 i;

	for (; node->word != FW_LEAF; cost += NODE_COST)
		node = &forest->nodes[node->base + (key[node->word] >> node->shift & node->mask)];
	for (i = 0; i < node->mask; i++) {
		__u32 item = forest->items[node->base + i];

		cost += ITEM_COST;
		if (!fw_entry_is_match(&entries[item], key, words))
			continue;
		if (*best < 0 || item < *best)
			*best = item;
		break;
	}
	return cost;
}

unsigned long fw_walk_cost(const struct fw_forest *forest, const struct fw_entry *entries,
			   size_t count, unsigned int words)
{
	size_t packet, packets = count < PACKETS ? count : PACKETS;
	unsigned long cost = 0;
	__u64 key[FW_WORDS6] = {};
	__u32 i;

	for (packet = 0; packet < packets; packet++) {
		long best = -1;

		make_key(&entries[packet * count / packets], packet, words, key);
		if (packet & 1)
			spoil_key(entries, count, packet, words, key);
		for (i = 0; i < forest->head.count; i++) {
			const struct fw_tree *tree = &forest->head.trees[i];

			if (best >= 0 && tree->first_rule >= entries[best].rule)
				break;
			cost += walk_tree(forest, tree, entries, key, words, &best);
		}
	}
	return packets ? cost / packets : 0;
}
