/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes the packet's size at its head: takes HEAD_BYTES bytes out behind the Ethernet header. */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

#define HEAD_BYTES 4

SEC("xdp")
int head(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct ethhdr kept;

	if ((void *)(eth + 1) + HEAD_BYTES > (void *)(long)ctx->data_end)
		return XDP_DROP;
	kept = *eth;
	if (bpf_xdp_adjust_head(ctx, HEAD_BYTES))
		return XDP_ABORTED;

	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*eth = kept;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
