/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State of every kind that outlives a version. Other versions are this file with
 * other settings (keep_*.bpf.c).
 */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#ifndef KEEP_VERSION
#define KEEP_VERSION 1
#endif
#ifndef KEEP_ENTRIES
#define KEEP_ENTRIES 8
#endif

struct keep_flow {
#ifdef KEEP_SWAPPED
	__u32 bytes;
	__u32 packets;
#else
	__u32 packets;
	__u32 bytes;
#endif
};

struct keep_report {
	__u32 version; /* from .rodata: the version's own */
	__u32 limit;   /* from .data */
	__u32 seen;    /* from .bss */
};

/* Written here, read and written by tests. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KEEP_ENTRIES);
	__type(key, __u32);
	__type(value, struct keep_flow);
} flows SEC(".maps");

/* Written here with each packet, read by tests. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct keep_report);
} report SEC(".maps");

struct keep_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
#ifdef KEEP_INNER_WIDE
	__type(value, __u64);
#else
	__type(value, __u32);
#endif
} keep_inner SEC(".maps");

/* Filled when the object is loaded: its layout is that of keep_inner. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__array(values, struct keep_inner);
} outer SEC(".maps") = {
	.values = {
		[1] = &keep_inner,
	},
};

const volatile __u32 keep_version = KEEP_VERSION; /* .rodata */
volatile __u32 keep_limit = 10 * KEEP_VERSION;	  /* .data */
volatile __u32 keep_seen;			  /* .bss */

SEC("xdp")
int keep(struct xdp_md *ctx __attribute__((unused)))
{
	struct keep_flow *flow;
	struct keep_report *out;
	__u32 key = 0;

	__sync_fetch_and_add(&keep_seen, 1);
	out = bpf_map_lookup_elem(&report, &key);
	if (out) {
		out->version = keep_version;
		out->limit = keep_limit;
		out->seen = keep_seen;
	}
	flow = bpf_map_lookup_elem(&flows, &key);
	if (flow)
		__sync_fetch_and_add(&flow->packets, 1);
	return bpf_map_lookup_elem(&outer, &key) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
