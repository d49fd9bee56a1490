/* SPDX-License-Identifier: GPL-2.0-only */
/* Reports the length of every packet through a ring buffer, and passes it. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct event {
	__u32 len;
};

/* Written here, read by tests. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("xdp")
int ringbuf(struct xdp_md *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return XDP_DROP;
	event->len = ctx->data_end - ctx->data;
	bpf_ringbuf_submit(event, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
