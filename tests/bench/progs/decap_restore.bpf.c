/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Puts a packet back into the tunnel that the last run took it out of, and hands it to the
 * program under test: BPF_PROG_TEST_RUN gives all runs of a call the same packet, as the
 * run before left it. For XDP and for TC.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "tests/bench/parts/decap_restore_abi.h"

#define ROOM_FLAGS (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET)

/* Written by the benchmark. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct decap_bench_state);
} restore_state SEC(".maps");

/* Written by the benchmark before the first packet; a program array is of one type. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, DECAP_BENCH_TARGETS);
	__type(key, __u32);
	__type(value, __u32);
} progs_xdp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, DECAP_BENCH_TARGETS);
	__type(key, __u32);
	__type(value, __u32);
} progs_tc SEC(".maps");

static __always_inline struct decap_bench_state *find_state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&restore_state, &zero);
}

/* A constant index is a jump, any other an indirect call. */
static __always_inline void hand_on(void *ctx, void *progs, __u32 target)
{
	if (target == DECAP_BENCH_PASS)
		bpf_tail_call_static(ctx, progs, DECAP_BENCH_PASS);
	else if (target == DECAP_BENCH_CUT)
		bpf_tail_call_static(ctx, progs, DECAP_BENCH_CUT);
	else
		bpf_tail_call_static(ctx, progs, DECAP_BENCH_TESTED);
}

static __always_inline int put_head(struct xdp_md *ctx, const struct decap_bench_state *state)
{
	__u64 *head = (void *)(long)ctx->data;

	if ((void *)head + DECAP_BENCH_HEAD > (void *)(long)ctx->data_end)
		return -1;
	for (int i = 0; i < DECAP_BENCH_HEAD / 8; i++)
		head[i] = state->head[i];
	return 0;
}

SEC("xdp")
int restore_xdp(struct xdp_md *ctx)
{
	struct decap_bench_state *state = find_state();
	__s64 grown;

	if (!state)
		return XDP_ABORTED;
	grown = (void *)(long)ctx->data_end - (void *)(long)ctx->data - (__s64)state->len;
	if (grown && bpf_xdp_adjust_head(ctx, (int)grown))
		return XDP_ABORTED;
	if (put_head(ctx, state))
		return XDP_ABORTED;
	hand_on(ctx, &progs_xdp, state->target);
	return XDP_ABORTED;
}

/* For decap_way: frames leave by the device that they are said to come from. */
SEC("xdp")
int send_xdp(struct xdp_md *ctx)
{
	struct decap_bench_state *state = find_state();

	return state && !put_head(ctx, state) ? XDP_TX : XDP_ABORTED;
}

SEC("xdp")
int pass_xdp(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

SEC("xdp")
int cut_xdp(struct xdp_md *ctx)
{
	struct decap_bench_state *state = find_state();

	return state && !bpf_xdp_adjust_head(ctx, (int)state->outer_len) ? XDP_PASS : XDP_ABORTED;
}

SEC("tc")
int restore_tc(struct __sk_buff *skb)
{
	struct decap_bench_state *state = find_state();
	__s32 cut;

	if (!state)
		return TC_ACT_SHOT;
	cut = (__s32)(state->len - skb->len);
	if (cut && bpf_skb_adjust_room(skb, cut, BPF_ADJ_ROOM_MAC, ROOM_FLAGS))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, ETH_HLEN, (void *)state->head + ETH_HLEN,
				DECAP_BENCH_HEAD - ETH_HLEN, 0))
		return TC_ACT_SHOT;
	hand_on(skb, &progs_tc, state->target);
	return TC_ACT_SHOT;
}

SEC("tc")
int pass_tc(struct __sk_buff *skb __attribute__((unused)))
{
	return TC_ACT_UNSPEC;
}

SEC("tc")
int cut_tc(struct __sk_buff *skb)
{
	struct decap_bench_state *state = find_state();

	if (!state ||
	    bpf_skb_adjust_room(skb, -(__s32)state->outer_len, BPF_ADJ_ROOM_MAC, ROOM_FLAGS))
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
