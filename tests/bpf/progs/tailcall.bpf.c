/* SPDX-License-Identifier: GPL-2.0-only */
/* Drops by way of a tail call; a tail call that goes nowhere passes instead. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"

#ifndef TAILCALL_VERDICT
#define TAILCALL_VERDICT XDP_DROP
#endif

SLOT_NAME("tailcall");
SLOT_VERSION("1.0.0");
SLOT_HOOK("xdp");
SLOT_ENTRY("tailcall");

SEC("xdp")
int tailcall_target(struct xdp_md *ctx __attribute__((unused)))
{
	return TAILCALL_VERDICT;
}

/* Filled when the object is loaded, read by tailcall. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} tail_targets SEC(".maps") = {
	.values = {
		[0] = (void *)&tailcall_target,
	},
};

SEC("xdp")
int tailcall(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &tail_targets, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
