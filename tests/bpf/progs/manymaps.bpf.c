/* SPDX-License-Identifier: GPL-2.0-only */
/* Uses four maps: twenty of these are more than one program of the kernel's may use. Passes. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define DEFINE_MAP(name)                                                                           \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, __u64);                                                              \
	} name SEC(".maps")

DEFINE_MAP(first);
DEFINE_MAP(second);
DEFINE_MAP(third);
DEFINE_MAP(fourth);

static __always_inline void count(void *map)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(map, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("xdp")
int manymaps(struct xdp_md *ctx __attribute__((unused)))
{
	count(&first);
	count(&second);
	count(&third);
	count(&fourth);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
