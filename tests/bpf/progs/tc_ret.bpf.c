/* SPDX-License-Identifier: GPL-2.0-only */
/* Returns what it is told at load time, at any TC hook. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

const volatile struct tc_ret_config {
	__s32 answer; /* returned for every packet, whether it means something or not */
} tc_ret_config = {
	.answer = TC_ACT_OK,
};

SEC("tc")
int tc_ret(struct __sk_buff *skb __attribute__((unused)))
{
	return tc_ret_config.answer;
}

char LICENSE[] SEC("license") = "GPL";
