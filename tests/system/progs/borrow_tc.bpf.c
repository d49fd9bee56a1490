/* SPDX-License-Identifier: GPL-2.0-only */
/* As borrow.bpf.c at TC egress: its lender is in another chain of the interface. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"

SLOT_NAME("out");
SLOT_VERSION("1.0.0");
SLOT_HOOK("tc-egress");
SLOT_MAP_ABI(1);

struct state_value {
	__u64 packets[1];
};

/* The other slot's, read here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state_value);
} state_seen SEC(".maps") SLOT_BORROWED;

/* Written here, read by tests. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} borrow_saw SEC(".maps");

SEC("tc")
int out(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 key = 0;
	const struct state_value *value = bpf_map_lookup_elem(&state_seen, &key);
	__u64 *saw = bpf_map_lookup_elem(&borrow_saw, &key);

	if (value && saw)
		*saw = value->packets[0];
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
