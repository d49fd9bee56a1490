/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads only where the kernel's own types can be read: passes where struct sk_buff has a member len. */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct sk_buff {
	unsigned int len;
} __attribute__((preserve_access_index));

SEC("xdp")
int core(struct xdp_md *ctx __attribute__((unused)))
{
	return bpf_core_field_exists(((struct sk_buff *)0)->len) ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
