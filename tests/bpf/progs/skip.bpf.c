/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaves out the slots up to the one that it is told at load time. */
#include "bpf/skip.h"

const volatile struct skip_config {
	__u32 to;
} skip_config = {
	.to = SLOT_SKIP_LAST,
};

SEC("xdp")
int skip(struct xdp_md *ctx __attribute__((unused)))
{
	return slot_skip_to(skip_config.to);
}

char LICENSE[] SEC("license") = "GPL";
