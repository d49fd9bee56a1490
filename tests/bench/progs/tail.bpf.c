/* SPDX-License-Identifier: GPL-2.0-only */
/* The trivial program as a link of a tail-call chain: each one knows the index of the next. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* Known at load, so that the kernel turns the tail call into a direct jump. */
const volatile __u32 next_index;

/* Written by the benchmark before the first packet, one entry per program but the first. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 32);
} tail_chain SEC(".maps");

SEC("xdp")
int tail(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &tail_chain, next_index);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
