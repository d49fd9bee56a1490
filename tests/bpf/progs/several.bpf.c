/* SPDX-License-Identifier: GPL-2.0-only */
/* Two XDP programs and no word on which one to run. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int several_pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

SEC("xdp")
int several_drop(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
