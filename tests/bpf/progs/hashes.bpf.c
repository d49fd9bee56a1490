/* SPDX-License-Identifier: GPL-2.0-only */
/* Per-CPU and LRU hashes: counts packets by source MAC, and drops all but a source's first two. */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

#define SOURCE_PASSES 2

struct source {
	__u8 mac[ETH_ALEN];
	__u8 pad[2];
};

/* Written here, read by tests: packets by source. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, struct source);
	__type(value, __u64);
} sources SEC(".maps");

/* Written here, read by tests: packets by verdict. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

static __always_inline __u64 add_one(void *map, const void *key)
{
	__u64 first = 1, *value = bpf_map_lookup_elem(map, key);

	if (value)
		return __sync_fetch_and_add(value, 1) + 1;
	bpf_map_update_elem(map, key, &first, BPF_NOEXIST);
	return first;
}

SEC("xdp")
int hashes(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct source source = {};
	__u32 verdict;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;

	__builtin_memcpy(source.mac, eth->h_source, ETH_ALEN);
	verdict = add_one(&sources, &source) > SOURCE_PASSES ? XDP_DROP : XDP_PASS;
	add_one(&verdicts, &verdict);
	return verdict;
}

char LICENSE[] SEC("license") = "GPL";
