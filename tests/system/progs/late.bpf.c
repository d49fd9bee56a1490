/* SPDX-License-Identifier: GPL-2.0-only */
/* Ordinary on frames that are not IPv4, as a preflight has them; answers IPv4 with a number that is no XDP verdict. */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int late(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	return eth->h_proto == bpf_htons(ETH_P_IP) ? 7 : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
