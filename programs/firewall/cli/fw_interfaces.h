/* SPDX-License-Identifier: GPL-2.0-only */
/* The interfaces that a ruleset names, by the numbers that packets have. */
#ifndef FW_INTERFACES_H
#define FW_INTERFACES_H

#include "programs/cli.h"
#include "programs/firewall/rules/fw_ruleset.h"

/*
 * fw_interface_find - the number of the interface @name where the slot of @ctx is: by slotd, or
 * without it in this process's network namespace. Returns 0, -ENODEV or -errno; says why.
 */
int fw_interface_find(const struct program_context *ctx, const char *name, struct slot_reason *why,
		      __u32 *ret_ifindex);

/* fw_interfaces_set - those of @set into @head; all have to be there. Returns as the former. */
int fw_interfaces_set(const struct program_context *ctx, const struct fw_ruleset *set,
		      struct fw_head *head, struct slot_reason *why);

/*
 * fw_interface_is_stale - whether interface @i of @set, in force with @head, has another number
 * by now or is gone, so that no packet meets its rules. Says so in @ret_now.
 */
bool fw_interface_is_stale(const struct program_context *ctx, const struct fw_ruleset *set,
			   const struct fw_head *head, size_t i, struct slot_reason *ret_now);

#endif
