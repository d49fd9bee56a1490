/* SPDX-License-Identifier: GPL-2.0-only */
/* A compiled ruleset on its way into the kernel: the bank that is not in force, and the swap. */
#ifndef FW_BANK_H
#define FW_BANK_H

#include "programs/firewall/fw_forest.h"

enum fw_map {
	FW_MAP_RULESETS,
	FW_MAP_NODES,
	FW_MAP_ITEMS,
	FW_MAP_MATCHES4,
	FW_MAP_MATCHES6,
	FW_MAP_ACTIONS,
	FW_MAP_HITS,
	FW_MAP_TEXT,
	FW_MAP_COUNT,
};

/* Of one family; the forest's items are indexes of the entries. */
struct fw_family {
	const struct fw_entry *entries;
	size_t count;
	const struct fw_forest *forest;
};

struct fw_compiled {
	struct fw_family family4, family6;
	const struct fw_action *actions;
	size_t action_count;
	const __u8 *text;    /* deflated, head.text_len bytes */
	struct fw_head head; /* all but the forests */
};

/*
 * fw_bank_load - put @compiled in force, whole and at once: a packet meets the rules
 * from before or these.
 *
 * @fds: open maps by enum fw_map; the caller holds the lock of their folder. When it
 * fails the rules from before stay in force. Returns 0, -E2BIG for more than fits or
 * -errno from the kernel; says why.
 */
int fw_bank_load(const int fds[FW_MAP_COUNT], const struct fw_compiled *compiled,
		 struct slot_reason *why);

#endif
