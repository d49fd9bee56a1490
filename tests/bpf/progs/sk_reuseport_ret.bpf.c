/* SPDX-License-Identifier: GPL-2.0-only */
/* Returns what it is told at load time, for every packet to a group of sockets. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile struct sk_reuseport_ret_config {
	__s32 answer; /* returned whether it means something or not */
} sk_reuseport_ret_config = {
	.answer = SK_PASS,
};

SEC("sk_reuseport")
int sk_reuseport_ret(struct sk_reuseport_md *md __attribute__((unused)))
{
	return sk_reuseport_ret_config.answer;
}

char LICENSE[] SEC("license") = "GPL";
