/* SPDX-License-Identifier: GPL-2.0-only */
/* Rejected by the verifier, after a path so long that its log has thousands of lines. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define TOOLONG_STEPS 3000

SEC("xdp")
int toolong(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u32 sum = 0;

	/* Each step is walked by the verifier, since the helper's result is unknown to it. */
	for (int i = 0; i < TOOLONG_STEPS; i++)
		sum += bpf_get_prandom_u32() & 0xff;

	/* No check against data_end: "invalid access to packet". */
	return data[sum] ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
