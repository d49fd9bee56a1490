/* SPDX-License-Identifier: GPL-2.0-only */
/* An object that declares a license other than GPL, and passes. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int proprietary(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Proprietary";
