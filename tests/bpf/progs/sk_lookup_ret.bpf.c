/* SPDX-License-Identifier: GPL-2.0-only */
/* Returns what it is told at load time, for every lookup of a socket. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile struct sk_lookup_ret_config {
	__s32 answer; /* 0 or 1: the verifier takes no other */
} sk_lookup_ret_config = {
	.answer = SK_PASS,
};

SEC("sk_lookup")
int sk_lookup_ret(struct bpf_sk_lookup *lookup __attribute__((unused)))
{
	return sk_lookup_ret_config.answer;
}

char LICENSE[] SEC("license") = "GPL";
