/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reaches for more than a packet: a helper in the entry, one in a subprogram,
 * one that a setting switches off, and one only where a tail call leads.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

int reach(struct xdp_md *ctx);
int reach_tail(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, int(struct xdp_md *));
} tails SEC(".maps") = { .values = { [0] = (void *)&reach_tail } };

const volatile struct {
	__u8 shrink;
} reach_config;

static __noinline int send(__u32 port)
{
	return (int)bpf_redirect_map(&ports, port, XDP_PASS);
}

SEC("xdp")
int reach(struct xdp_md *ctx)
{
	if (reach_config.shrink)
		bpf_xdp_adjust_tail(ctx, -1);
	bpf_tail_call(ctx, &tails, 1);
	return send(bpf_get_smp_processor_id() + 4);
}

SEC("xdp")
int reach_tail(struct xdp_md *ctx)
{
	bpf_printk("%d bytes", (int)(ctx->data_end - ctx->data));
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
