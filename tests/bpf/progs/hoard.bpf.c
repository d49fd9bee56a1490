/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps of every way to take memory: at once, entry by entry, per CPU, as a ring. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} at_once SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u64);
} growing SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

SEC("xdp")
int hoard(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 key = ctx->ingress_ifindex;

	bpf_map_lookup_elem(&at_once, &zero);
	bpf_map_lookup_elem(&growing, &key);
	bpf_map_lookup_elem(&per_cpu, &zero);
	if (bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) != 1 << 20)
		return XDP_DROP;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
