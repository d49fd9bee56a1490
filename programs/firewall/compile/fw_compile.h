/* SPDX-License-Identifier: GPL-2.0-only */
/* From a ruleset to what the kernel gets. Pure: no system call but for memory. */
#ifndef FW_COMPILE_H
#define FW_COMPILE_H

#include "programs/firewall/compile/fw_forest.h"
#include "programs/firewall/rules/fw_ruleset.h"

/* A family's; the items of its forest are indexes of them. */
struct fw_entry_list {
	struct fw_entry *items;
	size_t count, room;
};

struct fw_build {
	struct fw_entry_list entries4, entries6;
	struct fw_action *actions;
	size_t action_count;
	struct fw_forest forest4, forest6;
	struct fw_head head; /* without forests; interfaces and the text's sizes are added */
	const __u8 *text;    /* deflated, head.text_len bytes: whose it is who adds it */
};

void fw_build_free(struct fw_build *build);

/*
 * fw_compile - @ret_build, fw_build_free, for @set. Returns 0, -ENOMEM, or -E2BIG where the
 * rules do not fit; says why, and which line has too much where it is one.
 */
int fw_compile(const struct fw_ruleset *set, struct slot_reason *why, struct fw_build *ret_build);

#endif
