/* SPDX-License-Identifier: GPL-2.0-only */
/* Fills the room for header options, up to what is set, and looks which callbacks are on. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define ROOM 40
#define KIND 200

const volatile struct fill_config {
	__u32 size; /* of the option in every segment, at least 2; 0: none */
} fill_config;

/* Written here, read by the test: of the last segment that was written. */
__u32 fill_flags;

#define FLAGS (BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG | BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG)

static void write(struct bpf_sock_ops *ops)
{
	__u8 option[ROOM] = { KIND };

	option[1] = fill_config.size;
	if (fill_config.size && fill_config.size <= ROOM)
		bpf_store_hdr_opt(ops, option, fill_config.size, 0);
}

SEC("sockops")
int sock_ops_fill(struct bpf_sock_ops *ops)
{
	switch (ops->op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | FLAGS);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		fill_flags = ops->bpf_sock_ops_cb_flags;
		if (fill_config.size)
			bpf_reserve_hdr_opt(ops, fill_config.size, 0);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		write(ops);
		break;
	default:
		break;
	}
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
