/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of rules, for the program that has it and for those that borrow it: these define
 * HANDOFF_RULES_TAG as SLOT_BORROWED before.
 */
#ifndef HANDOFF_DATA_MAPS_H
#define HANDOFF_DATA_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"
#include "programs/handoff/handoff_abi.h"

#ifndef HANDOFF_RULES_TAG
#define HANDOFF_RULES_TAG
#endif

/*
 * Made, replaced and removed by user space, looked up here for each packet of TCP, and what a
 * rule counts written here. Preallocated: a step of a handoff waits for no memory.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HANDOFF_RULES_DEFAULT);
	__type(key, struct handoff_key);
	__type(value, struct handoff_rule);
} handoff_rules SEC(".maps") HANDOFF_RULES_TAG SLOT_ENTRIES("rules_max");

#endif
