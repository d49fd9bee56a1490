/* SPDX-License-Identifier: GPL-2.0-only */
/* What whoever encapsulates has to do at least: moves the packet's head. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define GROWTH 20

SEC("xdp")
int grow(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -GROWTH) ? XDP_ABORTED : XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
