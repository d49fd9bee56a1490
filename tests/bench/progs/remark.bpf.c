/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slot in front of what is measured: puts the packet back that the last run changed, makes
 * it one of another flow, and marks it as a device would.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/bench/parts/remark_abi.h"

#define CLIENT_AT 26

/* Written by the benchmark, and by the runs themselves. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct remark_state);
} remark_state SEC(".maps");

static __always_inline __u32 choose_mark(const struct remark_state *state, __u32 flow)
{
	if (state->kind == REMARK_NONE)
		return 0;
	return state->kind == REMARK_FLOW ? flow + 1 : (flow & (state->reals - 1)) + 1;
}

/* In steps that no prefetcher follows, and without a division. */
static __always_inline __u32 next_flow(struct remark_state *state)
{
	__u32 flow = state->flow, next = flow + state->step;

	state->flow = next >= state->flows ? next - state->flows : next;
	return flow;
}

/*
 * In words that no field of the headers lies across: a CPU that reads one before it was
 * written to memory would wait for both halves, which packets of a device do not.
 */
static __always_inline void put_back(__u8 *head, const __u8 *from)
{
	*(__u32 *)head = *(const __u32 *)from;
	*(__u16 *)(head + 4) = *(const __u16 *)(from + 4);
	for (int i = 6; i < REMARK_HEAD - 2; i += 8)
		*(__u64 *)(head + i) = *(const __u64 *)(from + i);
	*(__u16 *)(head + REMARK_HEAD - 2) = *(const __u16 *)(from + REMARK_HEAD - 2);
}

SEC("xdp")
int remark(struct xdp_md *ctx)
{
	__u32 zero = 0, *meta, *client, flow;
	struct remark_state *state = bpf_map_lookup_elem(&remark_state, &zero);
	__s64 grown;
	__u8 *head;

	if (!state)
		return XDP_ABORTED;
	grown = (void *)(long)ctx->data_end - (void *)(long)ctx->data - (__s64)state->len;
	if (grown && bpf_xdp_adjust_head(ctx, (int)grown))
		return XDP_ABORTED;
	head = (void *)(long)ctx->data;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)head ||
	    (void *)head + REMARK_HEAD > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	put_back(head, state->head);
	flow = next_flow(state);
	client = (void *)head + CLIENT_AT;
	*client = bpf_htonl(bpf_ntohl(state->client) + flow);
	*meta = choose_mark(state, flow);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
