/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of a compiled ruleset. Each program that includes this has its own. */
#ifndef FW_DATA_MAPS_H
#define FW_DATA_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"
#include "programs/firewall/fw_abi.h"

/* What the settings rules_max and limited_sources_max are by default; a program may have its own. */
#ifndef MAPS_RULES
#define MAPS_RULES FW_RULES_DEFAULT
#endif
#ifndef MAPS_SOURCES
#define MAPS_SOURCES FW_SOURCES_DEFAULT
#endif

/* Written by the control plane, read here, as are the next four. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_rulesets);
} fw_rulesets SEC(".maps") SLOT_TOGETHER("ruleset");

/* A bank behind the other, as the next three. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FW_BANKS *FW_NODES_PER_RULE *MAPS_RULES);
	__type(key, __u32);
	__type(value, struct fw_node);
} fw_nodes SEC(".maps") SLOT_TOGETHER("ruleset") SLOT_ENTRIES("rules_max/1024*1024*8");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FW_BANKS *FW_ITEMS_PER_RULE *MAPS_RULES);
	__type(key, __u32);
	__type(value, __u32);
} fw_items SEC(".maps") SLOT_TOGETHER("ruleset") SLOT_ENTRIES("rules_max/1024*1024*4");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FW_BANKS *FW_MATCHES_PER_RULE *MAPS_RULES);
	__type(key, __u32);
	__type(value, struct fw_match);
} fw_matches SEC(".maps") SLOT_TOGETHER("ruleset") SLOT_ENTRIES("rules_max/1024*1024*6");

/* Its buckets are written here, too. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FW_BANKS *FW_ACTIONS_MAX);
	__type(key, __u32);
	__type(value, struct fw_action);
} fw_actions SEC(".maps") SLOT_TOGETHER("ruleset");

/* Written here: buckets, as in fw_actions. LRU: there may be more sources than fit. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAPS_SOURCES);
	__type(key, struct fw_bucket_key);
	__type(value, __u64);
} fw_buckets SEC(".maps") SLOT_ENTRIES("limited_sources_max");

/* Written here, read by the control plane, which empties a bank before it is used. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FW_BANKS *MAPS_RULES / FW_RULES_GROUP);
	__type(key, __u32);
	__type(value, struct fw_hits);
} fw_hits SEC(".maps") SLOT_TOGETHER("ruleset") SLOT_ENTRIES("rules_max/1024*2");

/* Written and read by the control plane alone: what it compiled a bank from. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FW_BANKS *FW_TEXT_PER_RULE *MAPS_RULES / FW_TEXT_CHUNK);
	__type(key, __u32);
	__type(value, struct fw_text_chunk);
} fw_text SEC(".maps") SLOT_TOGETHER("ruleset") SLOT_ENTRIES("rules_max/1024*32");

/* Written here, read by whoever may. An array, as a ring buffer takes helpers that a slot may lack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FW_SAMPLES + 1);
	__type(key, __u32);
	__type(value, struct fw_sample);
} fw_samples SEC(".maps");

#endif
