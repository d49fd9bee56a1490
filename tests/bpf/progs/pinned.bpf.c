/* SPDX-License-Identifier: GPL-2.0-only */
/* Asks libbpf to pin its map by name, as programs for other loaders do. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* Written here; tests look for where it is pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} pinned_map SEC(".maps");

SEC("xdp")
int pinned(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 key = 0;
	__u64 *count = bpf_map_lookup_elem(&pinned_map, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
