/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Appends a digit to the mark of each socket that connects, so that a test sees which
 * programs ran in which order, and keeps in the socket's own storage that it did.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define SOL_SOCKET 1
#define SO_MARK 36

const volatile struct mark_config {
	__u32 digit; /* hexadecimal */
} mark_config;

/* Written and read here: a socket is marked once, however often it is asked about. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} mark_done SEC(".maps");

SEC("sockops")
int sock_ops_mark(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	__u32 *done;
	__u32 mark;

	if (ops->op != BPF_SOCK_OPS_TCP_CONNECT_CB || !sk)
		return SK_PASS;
	done = bpf_sk_storage_get(&mark_done, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!done || *done)
		return SK_PASS;
	*done = 1;
	mark = sk->mark << 4 | mark_config.digit;
	bpf_setsockopt(ops, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
