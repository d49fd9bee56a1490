/* SPDX-License-Identifier: GPL-2.0-only */
/* A static and a global subprogram: drops multicast frames, whose first byte is odd. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

static __noinline int is_odd(__u32 byte)
{
	return byte & 1;
}

/* Global: verified on its own, with only its types known. */
__noinline int first_byte(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	if ((void *)(data + 1) > (void *)(long)ctx->data_end)
		return -1;
	return *data;
}

SEC("xdp")
int subprogs(struct xdp_md *ctx)
{
	int byte = first_byte(ctx);

	if (byte < 0)
		return XDP_ABORTED;
	return is_odd(byte) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
