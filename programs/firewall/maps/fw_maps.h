/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of a compiled ruleset, as its control plane opens them. */
#ifndef FW_MAPS_H
#define FW_MAPS_H

#include "programs/shared/maps.h"

enum fw_map {
	FW_MAP_RULESETS,
	FW_MAP_NODES,
	FW_MAP_ITEMS,
	FW_MAP_MATCHES,
	FW_MAP_ACTIONS,
	FW_MAP_HITS,
	FW_MAP_TEXT,
	FW_MAP_COUNT,
};

extern const struct program_map fw_maps[FW_MAP_COUNT];

/*
 * fw_map_room - how many elements of the open map @fd a bank has: half of what the slot's
 * settings made. Returns 0 or -errno; says why.
 */
int fw_map_room(int fd, enum fw_map map, struct slot_reason *why, __u32 *ret_room);

#endif
