/* SPDX-License-Identifier: GPL-2.0-only */
/* From a ruleset to what the kernel gets. Pure: no system call but for memory. */
#ifndef FW_COMPILE_H
#define FW_COMPILE_H

#include "programs/firewall/fw_bank.h"
#include "programs/firewall/rules/fw_ruleset.h"

/* A family's rules on their way. */
struct fw_entry_list {
	struct fw_entry *items;
	size_t count, room;
};

struct fw_build {
	struct fw_entry_list entries4, entries6;
	struct fw_action *actions;
	size_t action_count;
	struct fw_forest forest4, forest6;
	struct fw_head head; /* without forests and text; interfaces are added */
};

void fw_build_free(struct fw_build *build);

/*
 * fw_compile - @ret_build, fw_build_free, for @set. Returns 0, -ENOMEM, or -E2BIG where the
 * rules do not fit; says why, and which line has too much where it is one.
 */
int fw_compile(const struct fw_ruleset *set, struct slot_reason *why, struct fw_build *ret_build);

/* fw_build_compiled - @build for fw_bank_load(), as long as it lives; without text. */
struct fw_compiled fw_build_compiled(const struct fw_build *build);

#endif
