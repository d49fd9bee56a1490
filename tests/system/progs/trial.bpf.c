/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers UDP over IPv4 with one verdict and passes the rest: versions for a trial. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"
#include "bpf/parse.h"

#ifndef TRIAL_VERSION
#define TRIAL_VERSION "1.0.0"
#define TRIAL_VERDICT XDP_PASS
#endif

SLOT_NAME("trial");
SLOT_VERSION(TRIAL_VERSION);
SLOT_HOOK("xdp");

SEC("xdp")
int trial(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (const struct ethhdr *)(long)ctx->data;
	const struct iphdr *ip = (const struct iphdr *)(eth + 1);

	if ((const void *)(ip + 1) > (const void *)(long)ctx->data_end ||
	    eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	return TRIAL_VERDICT;
}

char LICENSE[] SEC("license") = "GPL";
