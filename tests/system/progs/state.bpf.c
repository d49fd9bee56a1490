/* SPDX-License-Identifier: GPL-2.0-only */
/* Counts packets in a map that is to survive upgrades. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"

#ifndef STATE_VERSION
#define STATE_VERSION "1.0.0"
#define STATE_VALUES 1
#endif

SLOT_NAME("state");
SLOT_VERSION(STATE_VERSION);
SLOT_HOOK("xdp");
SLOT_MAP_ABI(1);
#ifdef STATE_MIGRATE
SLOT_MIGRATE(STATE_MIGRATE);
#endif

struct state_value {
	__u64 packets[STATE_VALUES];
};

/* Written here, read by tests. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state_value);
} state_seen SEC(".maps");

SEC("xdp")
int state(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 key = 0;
	struct state_value *value = bpf_map_lookup_elem(&state_seen, &key);

	if (value)
		__sync_fetch_and_add(&value->packets[0], 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
