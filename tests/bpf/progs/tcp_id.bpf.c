/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers with the server's id in a frame that begins with a TCP header. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/tcp_id.h"

/* Load-time settings: which option is read. */
const volatile struct {
	__u16 magic;
	__u8 kind;
} config = { .kind = TCP_ID_EXPERIMENT, .magic = TCP_ID_MAGIC };

/* Global, as tcp_id_find() asks for. */
__noinline __u32 find(struct xdp_md *ctx)
{
	return tcp_id_find((void *)(long)ctx->data, (void *)(long)ctx->data_end, config.kind,
			   config.magic);
}

SEC("xdp")
int tcp_id(struct xdp_md *ctx)
{
	return find(ctx);
}

char LICENSE[] SEC("license") = "GPL";
