/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Selects the socket at an index, and another one for connections that lose their listener.
 * Without a socket there the answer is a drop.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile struct pick_config {
	__u32 index;   /* of what is new */
	__u32 migrate; /* of what migrates */
} pick_config;

/* Filled by the test: one socket sits in one such map only. */
struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} pick_socks SEC(".maps");

SEC("sk_reuseport/migrate")
int sk_reuseport_pick(struct sk_reuseport_md *md)
{
	__u32 key = md->migrating_sk ? pick_config.migrate : pick_config.index;

	return bpf_sk_select_reuseport(md, &pick_socks, &key, 0) ? SK_DROP : SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
