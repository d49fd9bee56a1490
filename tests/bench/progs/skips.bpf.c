/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaves out every slot behind it, and the verifier cannot know. */
#include "bpf/skip.h"

/* Written by nobody, read at run time; user space could change it. */
volatile __u32 verdict = SLOT_SKIP_REST;

SEC("xdp")
int skips(struct xdp_md *ctx __attribute__((unused)))
{
	return (int)verdict;
}

char LICENSE[] SEC("license") = "GPL";
