/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules that no packet gets to, whole or at a node. Pure; part of the ruleset compiler. */
#ifndef FW_HIDDEN_H
#define FW_HIDDEN_H

#include "programs/firewall/compile/fw_cut.h"

/* The rules, by the indexes that sets have. */
struct fw_view {
	const struct fw_entry *entries;
	const struct fw_ternary *ternaries;
	unsigned int words;
};

/* What all packets that come to a node have in common. */
struct fw_region {
	struct fw_bits bits[FW_WORDS6];
	unsigned int depth;
};

/* fw_hidden_drop_covered - rules behind one that matches whatever comes to @region leave @set. */
void fw_hidden_drop_covered(const struct fw_view *view, const struct fw_region *region,
			    struct fw_set *set);

/* fw_hidden_drop_shadowed - so do those whose packets are all matched by one before them. */
void fw_hidden_drop_shadowed(const struct fw_view *view, const struct fw_region *region,
			     struct fw_set *set);

/*
 * fw_hidden_drop_below_broad - and those hidden by rules for any address, from a set of any
 * size: in long rulesets such rules are above many of their like, which would get in the way
 * of every cut.
 */
void fw_hidden_drop_below_broad(const struct fw_view *view, struct fw_set *set);

#endif
