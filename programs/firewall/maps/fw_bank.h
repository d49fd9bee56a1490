/* SPDX-License-Identifier: GPL-2.0-only */
/* A compiled ruleset on its way into the kernel: the bank that is not in force, and the swap. */
#ifndef FW_BANK_H
#define FW_BANK_H

#include "programs/firewall/compile/fw_compile.h"
#include "programs/firewall/maps/fw_maps.h"

/*
 * fw_bank_load - put @build in force, whole and at once: a packet meets the rules
 * from before or these.
 *
 * @fds: open maps by enum fw_map; the caller holds the lock of their folder. When it
 * fails the rules from before stay in force. Returns 0, -E2BIG for more than fits or
 * -errno from the kernel; says why.
 */
int fw_bank_load(const int fds[FW_MAP_COUNT], const struct fw_build *build,
		 struct slot_reason *why);

#endif
