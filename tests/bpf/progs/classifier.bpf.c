/* SPDX-License-Identifier: GPL-2.0-only */
/* A valid BPF object of another type: a TC classifier has no place in an XDP chain. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int classifier(struct __sk_buff *skb __attribute__((unused)))
{
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
