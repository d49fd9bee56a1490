// SPDX-License-Identifier: GPL-2.0-only
/* Drops everything, and says to libxdp that the chain goes on after that. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

struct {
	__uint(priority, 7);
	__uint(XDP_PASS, 0);
	__uint(XDP_DROP, 1);
} XDP_RUN_CONFIG(goeson);

SEC("xdp")
int goeson(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
