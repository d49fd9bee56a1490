/* SPDX-License-Identifier: GPL-2.0-only */
/* What packets match, and what their ways through a forest cost. Pure. */
#ifndef FW_WALK_H
#define FW_WALK_H

#include <stdbool.h>

#include "programs/firewall/compile/fw_forest.h"

/* fw_entry_is_match - whether @entry matches @key of @words words. */
bool fw_entry_is_match(const struct fw_entry *entry, const __u64 *key, unsigned int words);

/*
 * fw_walk_cost - what packets cost on average, half of which match one of the rules: a
 * figure to compare forests by, thousandths of a nanosecond of some CPU.
 */
unsigned long fw_walk_cost(const struct fw_forest *forest, const struct fw_entry *entries,
			   size_t count, unsigned int words);

#endif
