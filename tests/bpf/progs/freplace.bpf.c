/* SPDX-License-Identifier: GPL-2.0-only */
/* An object written for freplace in the first place: drops every packet. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("freplace")
int freplace_drop(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
