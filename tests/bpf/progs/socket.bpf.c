/* SPDX-License-Identifier: GPL-2.0-only */
/* A program of a type that no chain takes. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("socket")
int socket_filter(struct __sk_buff *skb __attribute__((unused)))
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
