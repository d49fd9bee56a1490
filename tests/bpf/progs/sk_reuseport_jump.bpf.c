/* SPDX-License-Identifier: GPL-2.0-only */
/* Drops by way of a tail call; a tail call that goes nowhere passes instead. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"

SLOT_HOOK("sk_reuseport");
SLOT_ENTRY("sk_reuseport_jump");

SEC("sk_reuseport")
int jump_target(struct sk_reuseport_md *md __attribute__((unused)))
{
	return SK_DROP;
}

/* Filled when the object is loaded, read by sk_reuseport_jump. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jump_targets SEC(".maps") = {
	.values = {
		[0] = (void *)&jump_target,
	},
};

SEC("sk_reuseport/migrate")
int sk_reuseport_jump(struct sk_reuseport_md *md)
{
	bpf_tail_call(md, &jump_targets, 0);
	return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
