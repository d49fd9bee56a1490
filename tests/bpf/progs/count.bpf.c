/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts packets and passes them. Where several instances are given one
 * order_log, it shows in which order they ran.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define ORDER_LOG_SIZE 63

const volatile struct count_config {
	__u32 id; /* what this instance writes into order_log */
} count_config = {
	.id = 0,
};

struct order_log {
	__u32 next; /* entries written, also when the log was full */
	__u32 id[ORDER_LOG_SIZE];
};

/* Written here, read by tests. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");

/* Written by every instance that shares it, read by tests. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct order_log);
} order_log SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 key = 0, at;
	struct order_log *log = bpf_map_lookup_elem(&order_log, &key);
	__u64 *counter = bpf_map_lookup_elem(&packets, &key);

	if (!log || !counter)
		return XDP_ABORTED;

	*counter += 1;
	at = __sync_fetch_and_add(&log->next, 1);
	if (at < ORDER_LOG_SIZE)
		log->id[at] = count_config.id;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
