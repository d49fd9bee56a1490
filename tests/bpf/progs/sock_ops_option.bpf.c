/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes a header option on every segment of connections to one port, and counts those
 * that arrive.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define OPTION_SIZE 4

const volatile struct option_config {
	__u32 port; /* of either end; host byte order */
	__u32 kind; /* of the option, experimental */
} option_config = {
	.kind = 253,
};

/* Written here, read by the test. */
__u64 option_written;
__u64 option_read;

static void ask(struct bpf_sock_ops *ops)
{
	bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags |
					       BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG |
					       BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG);
}

static void write(struct bpf_sock_ops *ops)
{
	__u8 option[OPTION_SIZE] = { option_config.kind, OPTION_SIZE, 0xe5, 0x10 };

	if (!bpf_store_hdr_opt(ops, option, sizeof(option), 0))
		__sync_fetch_and_add(&option_written, 1);
}

static void read(struct bpf_sock_ops *ops)
{
	__u8 option[OPTION_SIZE] = { option_config.kind, OPTION_SIZE, 0xe5, 0x10 };

	if (bpf_load_hdr_opt(ops, option, sizeof(option), 0) == OPTION_SIZE)
		__sync_fetch_and_add(&option_read, 1);
}

SEC("sockops")
int sock_ops_option(struct bpf_sock_ops *ops)
{
	if (ops->local_port != option_config.port &&
	    bpf_ntohl(ops->remote_port) != option_config.port)
		return SK_PASS;
	switch (ops->op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		ask(ops);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		bpf_reserve_hdr_opt(ops, OPTION_SIZE, 0);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		write(ops);
		break;
	case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
		read(ops);
		break;
	default:
		break;
	}
	return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
