/* SPDX-License-Identifier: GPL-2.0-only */
/* Passes every packet like trivial, but the verifier cannot know: as with most real programs. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* Written by nobody, read at run time; user space could change it. */
volatile __u32 verdict = XDP_PASS;

SEC("xdp")
int varied(struct xdp_md *ctx __attribute__((unused)))
{
	return (int)verdict;
}

char LICENSE[] SEC("license") = "GPL";
