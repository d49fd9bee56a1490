/* SPDX-License-Identifier: GPL-2.0-only */
/* Returns a number that is no XDP verdict. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int badverdict(struct xdp_md *ctx __attribute__((unused)))
{
	return 7;
}

char LICENSE[] SEC("license") = "GPL";
