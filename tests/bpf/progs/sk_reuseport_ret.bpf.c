/* SPDX-License-Identifier: GPL-2.0-only */
/* Returns what it is told at load time, for every packet to a group of sockets or only for some. */
#include <linux/bpf.h>
#include <linux/in.h>

#include <bpf/bpf_helpers.h>

#define ONLY_TCP 1
#define ONLY_MIGRATING 2

const volatile struct sk_reuseport_ret_config {
	__s32 answer; /* returned whether it means something or not */
	__u32 only;   /* 0: for all; else others pass */
} sk_reuseport_ret_config = {
	.answer = SK_PASS,
};

SEC("sk_reuseport/migrate")
int sk_reuseport_ret(struct sk_reuseport_md *md)
{
	if (sk_reuseport_ret_config.only == ONLY_TCP && md->ip_protocol != IPPROTO_TCP)
		return SK_PASS;
	if (sk_reuseport_ret_config.only == ONLY_MIGRATING && !md->migrating_sk)
		return SK_PASS;
	return sk_reuseport_ret_config.answer;
}

char LICENSE[] SEC("license") = "GPL";
