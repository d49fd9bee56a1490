/* SPDX-License-Identifier: GPL-2.0-only */
/* Ways of packets through a forest: what they find, and what they cost. Pure. */
#ifndef FW_WALK_H
#define FW_WALK_H

#include "programs/firewall/fw_forest.h"

/*
 * fw_walk_cost - what packets cost on average, half of which match one of the rules: a
 * figure to compare forests by, thousandths of a nanosecond of some CPU.
 */
unsigned long fw_walk_cost(const struct fw_forest *forest, const struct fw_entry *entries,
			   size_t count, unsigned int words);

#endif
