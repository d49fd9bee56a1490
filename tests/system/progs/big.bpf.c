/* SPDX-License-Identifier: GPL-2.0-only */
/* Passes everything, beside a map of 64 MiB that is there from the load on. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"

SLOT_NAME("big");
SLOT_VERSION("1.0.0");
SLOT_HOOK("xdp");

struct big_entry {
	__u8 bytes[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 20);
	__type(key, __u32);
	__type(value, struct big_entry);
} big_map SEC(".maps");

SEC("xdp")
int big(struct xdp_md *ctx)
{
	__u32 key = 0;

	(void)ctx;
	bpf_map_lookup_elem(&big_map, &key);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
