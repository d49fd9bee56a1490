/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sk_steer: leads connections and datagrams to sockets by destination prefix, protocol and
 * port range, whatever address the sockets are bound to. It runs where the kernel looks for
 * a socket that is not connected: for a TCP SYN, and for each datagram.
 */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/hash.h"
#include "bpf/manifest.h"
#include "bpf/sk_steer/sk_steer_abi.h"

#define AF_INET 2

SLOT_NAME("sk_steer");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("sk_lookup");
SLOT_MAP_ABI(1);

/* The five of them written by the control plane and read here. One word: the bank in use. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sk_steer_control);
} steer_control SEC(".maps");

/* A trie, as prefixes are what rules are about; at most one prefix for each rule. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SK_STEER_BANKS *SK_STEER_RULES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sk_steer_prefix);
	__type(value, struct sk_steer_spans);
} steer_prefixes SEC(".maps");

/* Sorted, so that a port is found by halving. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SK_STEER_BANKS *SK_STEER_SPANS_MAX);
	__type(key, __u32);
	__type(value, struct sk_steer_span);
} steer_spans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SK_STEER_GROUPS_MAX);
	__type(key, __u32);
	__type(value, struct sk_steer_group);
} steer_groups SEC(".maps");

/*
 * Not a REUSEPORT_SOCKARRAY, from which no program may take a socket for a lookup. Values of 8
 * bytes, so that user space can read the sockets' cookies.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, SK_STEER_GROUPS_MAX *SK_STEER_PLACES_MAX);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u64));
} steer_sockets SEC(".maps");

/* The control plane's own: what the active rules are, as they were given. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SK_STEER_BANKS *SK_STEER_RULES_MAX);
	__type(key, __u32);
	__type(value, struct sk_steer_rule);
} steer_rules SEC(".maps");

/* Both written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SK_STEER_RULES_MAX);
	__type(key, __u32);
	__type(value, struct slot_count);
} steer_hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SK_STEER_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} steer_counts SEC(".maps");

/* read_dest - where the lookup is for, as a key; returns the hash of its flow. */
static __always_inline __u32 read_dest(const struct bpf_sk_lookup *ctx, struct sk_steer_prefix *key)
{
	__u32 *addr = (__u32 *)key->addr;
	__u32 flow[9] = {};

	key->proto = (__u8)ctx->protocol;
	flow[0] = (__u32)ctx->remote_port << 16 | ctx->local_port;
	if (ctx->family == AF_INET) {
		key->family = 4;
		key->len = SK_STEER_FIXED_BITS + 32;
		addr[0] = flow[1] = ctx->local_ip4;
		flow[2] = ctx->remote_ip4;
		return hash_jenkins(flow, 3, 0);
	}
	key->family = 6;
	key->len = SK_STEER_FIXED_BITS + 128;
	addr[0] = flow[1] = ctx->local_ip6[0];
	addr[1] = flow[2] = ctx->local_ip6[1];
	addr[2] = flow[3] = ctx->local_ip6[2];
	addr[3] = flow[4] = ctx->local_ip6[3];
	flow[5] = ctx->remote_ip6[0];
	flow[6] = ctx->remote_ip6[1];
	flow[7] = ctx->remote_ip6[2];
	flow[8] = ctx->remote_ip6[3];
	return hash_jenkins(flow, 9, 0);
}

/* find_span - the last one that begins at @port or before; NULL where there are none. */
static __always_inline const struct sk_steer_span *find_span(const struct sk_steer_spans *spans,
							     __u32 port)
{
	const struct sk_steer_span *span;
	__u32 low = spans->first, count = spans->count;

	for (int i = 0; i < SK_STEER_HALVINGS && count > 1; i++) {
		__u32 half = count / 2, middle = low + half;

		span = bpf_map_lookup_elem(&steer_spans, &middle);
		if (!span)
			return NULL;
		if (span->port <= port) {
			low = middle;
			count -= half;
		} else {
			count = half;
		}
	}
	return count ? bpf_map_lookup_elem(&steer_spans, &low) : NULL;
}

/* A slot before may have selected a socket: the last one wins. */
static __always_inline bool assign(struct bpf_sk_lookup *ctx, __u32 place, __u64 flags)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&steer_sockets, &place);
	long err;

	if (!sk)
		return false;
	err = bpf_sk_assign(ctx, sk, flags);
	bpf_sk_release(sk);
	if (err)
		count_event(&steer_counts, SK_STEER_UNSUITABLE);
	return !err;
}

/*
 * choose - one of the sockets of @span's group, by @hash; where that place is empty the next
 * one, so that of all flows only those of a socket that died move.
 */
static __always_inline bool choose(struct bpf_sk_lookup *ctx, const struct sk_steer_span *span,
				   __u32 hash)
{
	__u64 flags = BPF_SK_LOOKUP_F_REPLACE;
	const struct sk_steer_group *group;
	__u32 number = span->group, places;

	group = bpf_map_lookup_elem(&steer_groups, &number);
	if (!group)
		return false;
	places = group->places;
	if (!places || places > SK_STEER_PLACES_MAX)
		return false;
	if (span->flags & SK_STEER_EXACT)
		flags |= BPF_SK_LOOKUP_F_NO_REUSEPORT;
	hash %= places;
	for (__u32 i = 0; i < SK_STEER_PLACES_MAX && i < places; i++) {
		__u32 place = hash + i < places ? hash + i : hash + i - places;

		if (assign(ctx, number * SK_STEER_PLACES_MAX + place, flags))
			return true;
	}
	return false;
}

SEC("sk_lookup")
int sk_steer(struct bpf_sk_lookup *ctx)
{
	const struct sk_steer_control *control;
	const struct sk_steer_spans *spans;
	const struct sk_steer_span *span;
	struct sk_steer_prefix key = {};
	__u32 zero = 0, hash;

	control = bpf_map_lookup_elem(&steer_control, &zero);
	if (!control)
		return SK_PASS;
	hash = read_dest(ctx, &key);
	key.bank = control->bank & 1;
	spans = bpf_map_lookup_elem(&steer_prefixes, &key);
	span = spans ? find_span(spans, ctx->local_port) : NULL;
	if (!span || span->rule == SK_STEER_NO_RULE)
		return SK_PASS;
	count_event(&steer_hits, span->rule);
	if (choose(ctx, span, hash)) {
		count_event(&steer_counts, SK_STEER_ASSIGNED);
		return SK_PASS;
	}
	if (span->flags & SK_STEER_DROP) {
		count_event(&steer_counts, SK_STEER_REFUSED);
		return SK_DROP;
	}
	count_event(&steer_counts, SK_STEER_NO_SOCKET);
	return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
