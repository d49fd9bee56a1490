/* SPDX-License-Identifier: GPL-2.0-only */
/* The program of every slot that is measured: what a chain costs is what it costs more than this. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int trivial(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
