/* SPDX-License-Identifier: GPL-2.0-only */
/* Which bits of the key a node of the forest cuts at. Pure; part of the ruleset compiler. */
#ifndef FW_CUT_H
#define FW_CUT_H

#include <stdbool.h>
#include <stddef.h>

#include "programs/firewall/compile/fw_forest.h"

#define FW_CUT_WIDTH_MAX 16

struct fw_range {
	__u32 lo, hi; /* both included */
};

/* An entry as bits of the key alone: of a range of ports, the bits that all of it shares. */
struct fw_ternary {
	struct fw_bits bits[FW_WORDS6];
	struct fw_range ports[2]; /* destination, source */
};

/* fw_ternary_set - @ret_ternary, all 0 before, from @entry. */
void fw_ternary_set(const struct fw_entry *entry, struct fw_ternary *ret_ternary);

/* Some of the entries, by index, in the order of their rules. */
struct fw_set {
	const struct fw_ternary *ternaries;
	__u32 *items;
	size_t count;
	size_t copies_max;    /* of an entry, on average, that a cut may make */
	double tree_weight;   /* what it weighs that entries are left, beside their number */
	struct fw_bits fixed; /* of the key's first word, for all packets that come here */
};

struct fw_cut {
	unsigned int word, shift, width;
	/* A port's bits behind fixed ones: children are ranges of ports, from @first on. */
	bool is_range, is_sport;
	__u32 first;
	/* Entries that belong to more than 2^open_max children go to another tree. */
	unsigned int open_max;
	double score; /* entries that are left for a packet, on average; the lower the better */
};

/*
 * fw_cut_choose - the best cut for @set of entries of @words words.
 *
 * @may_leave: whether entries may go to another tree. Returns whether any cut helps.
 */
bool fw_cut_choose(const struct fw_set *set, unsigned int words, bool may_leave,
		   struct fw_cut *ret_cut);

/* The children of an entry: @first with any of the @open bits set, @run of them from there on. */
struct fw_places {
	__u32 first, open, run;
	unsigned int open_bits; /* there are at most 2^open_bits places */
};

/* fw_cut_places - where the entry goes. */
struct fw_places fw_cut_places(const struct fw_cut *cut, const struct fw_ternary *ternary);

#endif
