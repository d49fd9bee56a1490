/* SPDX-License-Identifier: GPL-2.0-only */
/* What the slot's lists, settings and known flows say of a packet that comes in. */
#ifndef FW_FACTS_H
#define FW_FACTS_H

#include "programs/cli.h"
#include "programs/firewall/rules/fw_judge.h"

/*
 * fw_facts_get - by the maps and settings that @ctx leads to. Returns 0, or -errno and says why.
 */
int fw_facts_get(const struct program_context *ctx, const struct fw_packet *packet,
		 struct slot_reason *why, struct fw_facts *ret_facts);

#endif
