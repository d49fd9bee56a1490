/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The compiler of rulesets: matches become trees that are cheap to walk. Pure: no
 * system call but for memory.
 */
#ifndef FW_FOREST_H
#define FW_FOREST_H

#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "programs/firewall/fw_abi.h"

/* What a rule asks of a packet's key (fw_abi.h). Ports are asked for in ports only. */
struct fw_entry {
	struct fw_bits bits[FW_WORDS6];
	struct fw_port_ranges ports;
	__u32 rule;
	__u32 answer;
};

struct fw_forest {
	struct fw_node *nodes;
	__u32 *items; /* of all leaves: indexes of entries */
	size_t node_count, node_room;
	size_t item_count, item_room;
	struct fw_forest_head head;
};

void fw_forest_free(struct fw_forest *forest);

/*
 * fw_forest_build - a forest for @entries, @count of them in the order of their rules.
 *
 * @words: of the key, FW_WORDS4 or FW_WORDS6. @ret_forest: fw_forest_free. Returns 0,
 * -ENOMEM, or -E2BIG where too many rules overlap or limits are exceeded; says why.
 */
int fw_forest_build(const struct fw_entry *entries, size_t count, unsigned int words,
		    struct slot_reason *why, struct fw_forest *ret_forest);

#endif
