/* SPDX-License-Identifier: GPL-2.0-only */
/* bpf_loop with a callback (Linux 5.17): drops frames whose first bytes add up to an odd number. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define LOOP_BYTES 14

struct loop_state {
	struct xdp_md *ctx;
	__u32 sum;
};

static long add_byte(__u32 at, void *data)
{
	struct loop_state *state = data;
	__u8 *byte = (void *)(long)state->ctx->data;

	if (at >= LOOP_BYTES)
		return 1;
	byte += at;
	if ((void *)(byte + 1) > (void *)(long)state->ctx->data_end)
		return 1;
	state->sum += *byte;
	return 0;
}

SEC("xdp")
int loop(struct xdp_md *ctx)
{
	struct loop_state state = { .ctx = ctx };

	bpf_loop(LOOP_BYTES, add_byte, &state, 0);
	return state.sum & 1 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
