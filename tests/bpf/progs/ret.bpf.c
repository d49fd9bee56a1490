/* SPDX-License-Identifier: GPL-2.0-only */
/* Returns what it is told at load time. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile struct ret_config {
	__s32 verdict; /* returned for every packet, whether it is a verdict or not */
} ret_config = {
	.verdict = XDP_PASS,
};

SEC("xdp")
int ret(struct xdp_md *ctx __attribute__((unused)))
{
	return ret_config.verdict;
}

char LICENSE[] SEC("license") = "GPL";
