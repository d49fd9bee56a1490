/* SPDX-License-Identifier: GPL-2.0-only */
/* Returns what it is told at load time, for every operation of a socket. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile struct sock_ops_ret_config {
	__s32 answer; /* 0 or 1: the verifier takes no other */
} sock_ops_ret_config = {
	.answer = SK_PASS,
};

SEC("sockops")
int sock_ops_ret(struct bpf_sock_ops *ops __attribute__((unused)))
{
	return sock_ops_ret_config.answer;
}

char LICENSE[] SEC("license") = "GPL";
