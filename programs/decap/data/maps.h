/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of decap and of tc_decap. All but the last two are written by the control
 * plane and read here, for tunnel packets only.
 */
#ifndef DECAP_DATA_MAPS_H
#define DECAP_DATA_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "programs/decap/decap_abi.h"

/* By exact address, as nearly all tunnels are: a trie takes several times as long. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DECAP_ADDRESSES_MAX);
	__type(key, struct decap_address);
	__type(value, __u32);
} decap_addrs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, DECAP_PREFIXES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct slot_prefix);
	__type(value, __u32);
} decap_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, DECAP_SERVED_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct slot_prefix);
	__type(value, __u32);
} decap_served SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DECAP_IDS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} decap_ids SEC(".maps");

/* An array: its one element is found without a call, and changes as a whole (8 bytes). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct decap_control);
} decap_control SEC(".maps");

/* Written and read here: nearly all tunnels of a host are to the same address. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct decap_known);
} decap_known SEC(".maps");

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DECAP_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} decap_counts SEC(".maps");

#endif
