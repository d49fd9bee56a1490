/* SPDX-License-Identifier: GPL-2.0-only */
/* hwmark's own maps and its settings, and those maps of the load balancer that it borrows. */
#ifndef HWMARK_DATA_MAPS_H
#define HWMARK_DATA_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"
#include "programs/hwmark/hwmark_abi.h"

#define LB_SEND_MAP_TAG SLOT_BORROWED
#include "programs/lb/data/send_maps.h"

const volatile struct hwmark_config hwmark_config = {
	.mark_from = HWMARK_META,
	.mode = HWMARK_DESTINATION,
	.mtu = 1500,
	.marks = HWMARK_MARKS,
	.refresh = 8,
};

/*
 * Written by the control plane, read here for every packet with a mark, and ended. An array that could
 * be mapped begins at a page, others 8 bytes before a cache line ends: an entry would be in
 * two of them.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HWMARK_MARKS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct hwmark_entry);
} hwmark_entries SLOT_TOGETHER("agent") SLOT_ENTRIES("marks") SEC(".maps");

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hwmark_counts);
} hwmark_counts SEC(".maps");

/* The agent's, for commands to read: not read or written here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hwmark_agent);
} hwmark_agent SLOT_TOGETHER("agent") SEC(".maps");

/* How often commands asked the agent to take all rules off; likewise. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} hwmark_flush SLOT_TOGETHER("agent") SEC(".maps");

#endif
