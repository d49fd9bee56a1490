/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Puts a packet back that the last run changed, and hands it to the program under
 * test: BPF_PROG_TEST_RUN gives all runs of a call the same packet, as the run
 * before left it.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/bench/parts/restore_abi.h"

#define GROWTH 40 /* bytes; the cost does not depend on it */

/* Written by the benchmark, and by the runs that it counts. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct restore_state);
} restore_state SEC(".maps");

/* Written by the benchmark before the first packet; indexes are enum restore_target. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, RESTORE_TARGETS);
	__type(key, __u32);
	__type(value, __u32);
} restore_progs SEC(".maps");

static __always_inline int put_back(struct xdp_md *ctx, struct restore_state *state)
{
	__s64 grown = (void *)(long)ctx->data_end - (void *)(long)ctx->data - (__s64)state->len;
	__u32 at = state->vary_at & (RESTORE_HEAD - 1);
	__u64 *head;
	__be32 *word;

	if (grown && bpf_xdp_adjust_head(ctx, (int)grown))
		return -1;
	head = (void *)(long)ctx->data;
	if ((void *)head + RESTORE_HEAD > (void *)(long)ctx->data_end)
		return -1;
	for (int i = 0; i < RESTORE_HEAD / 8; i++)
		head[i] = state->head[i];
	word = (void *)head + at;
	if ((void *)(word + 1) > (void *)(long)ctx->data_end)
		return -1;
	if (state->mask)
		*word = bpf_htonl(bpf_ntohl(*word) + ((__u32)state->runs & state->mask));
	state->runs++;
	return 0;
}

/* A constant index is a jump, any other an indirect call. */
SEC("xdp")
int restore(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct restore_state *state = bpf_map_lookup_elem(&restore_state, &zero);

	if (!state || put_back(ctx, state))
		return XDP_ABORTED;
	switch (state->target) {
	case RESTORE_STAY:
		bpf_tail_call_static(ctx, &restore_progs, RESTORE_STAY);
		break;
	case RESTORE_GROW:
		bpf_tail_call_static(ctx, &restore_progs, RESTORE_GROW);
		break;
	case RESTORE_TESTED:
		bpf_tail_call_static(ctx, &restore_progs, RESTORE_TESTED);
		break;
	case RESTORE_TESTED + 1:
		bpf_tail_call_static(ctx, &restore_progs, RESTORE_TESTED + 1);
		break;
	case RESTORE_TESTED + 2:
		bpf_tail_call_static(ctx, &restore_progs, RESTORE_TESTED + 2);
		break;
	}
	return XDP_ABORTED;
}

SEC("xdp")
int restore_stay(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

SEC("xdp")
int restore_grow(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -GROWTH) ? XDP_ABORTED : XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
