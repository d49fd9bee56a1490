/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel believes of a packet's checksums, counted at TC: by kind, and where it is
 * wrong. Changes nothing. Since Linux 6.2.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/csum.h"

#define KIND_COMPLETE 2
#define KINDS 4
#define CHUNK 512
#define CHUNKS 4

/* Of the kernel's, what is read here. */
struct sk_buff {
	__u8 ip_summed : 2;
	__wsum csum;
} __attribute__((preserve_access_index));

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;

/* Written here, read by the test: packets of each kind, and those with a wrong sum. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KINDS + 1);
	__type(key, __u32);
	__type(value, __u64);
} skb_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[CHUNK]);
} skb_chunk SEC(".maps");

static __always_inline void count(__u32 kind)
{
	__u64 *seen = bpf_map_lookup_elem(&skb_states, &kind);

	if (seen)
		__sync_fetch_and_add(seen, 1);
}

/* Of all behind the Ethernet header; a longer packet's is taken for right. */
static __always_inline bool is_right(struct __sk_buff *skb, __u32 claimed)
{
	__u32 zero = 0, at = ETH_HLEN;
	__u8 *chunk = bpf_map_lookup_elem(&skb_chunk, &zero);
	__s64 sum = 0;

	if (!chunk || skb->len > ETH_HLEN + CHUNKS * CHUNK)
		return true;
	for (int i = 0; i < CHUNKS && at < skb->len; i++) {
		__u32 len = skb->len - at;

		if (len > CHUNK)
			len = CHUNK;
		__builtin_memset(chunk, 0, CHUNK);
		barrier_var(len);
		if (len < 1 || len > CHUNK || bpf_skb_load_bytes(skb, at, chunk, len))
			return false;
		sum = bpf_csum_diff(NULL, 0, (__be32 *)chunk, CHUNK, (__wsum)sum);
		at += len;
	}
	return csum_fold((__u32)sum) == csum_fold(claimed);
}

SEC("tc")
int skb_state(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	__u32 kind = BPF_CORE_READ_BITFIELD(kernel, ip_summed);

	count(kind);
	if (kind == KIND_COMPLETE && !is_right(skb, kernel->csum))
		count(KINDS);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
