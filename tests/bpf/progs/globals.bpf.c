/* SPDX-License-Identifier: GPL-2.0-only */
/* Global data of every kind decides: passes the first few packets, drops the rest. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile struct globals_config {
	__u32 step; /* what one packet counts for */
} globals_config = {
	.step = 1,
};

__u32 globals_limit = 3; /* .data: packets to pass */
__u32 globals_seen;	 /* .bss */

SEC("xdp")
int globals(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 seen = __sync_fetch_and_add(&globals_seen, globals_config.step);

	return seen < globals_limit ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
