/* SPDX-License-Identifier: GPL-2.0-only */
/* What follows from a rule that was found: counting, limits, samples. */
#ifndef FW_DATA_ACT_H
#define FW_DATA_ACT_H

#include <stdbool.h>

#include "programs/firewall/data/find.h"
#include "programs/firewall/data/read.h"

/* Attempts at a bucket that other CPUs change at the same time. */
#define BUCKET_TRIES 4

static __always_inline void count_hit(const struct fw_head *head, __u32 rule, __u64 bytes)
{
	__u32 group = head->hits + rule / FW_RULES_GROUP, at = rule % FW_RULES_GROUP;
	struct fw_hits *hits = bpf_map_lookup_elem(&fw_hits, &group);

	if (!hits)
		return;
	hits->packets[at]++;
	hits->bytes[at] += bytes;
}

/*
 * Takes a packet's worth out of the bucket, which is the time up to which packets are
 * paid for. A packet that finds no quiet moment in a few attempts counts as too much:
 * so many at once are.
 */
static __always_inline bool take_packet(__u64 *bucket, const struct fw_action *action)
{
	__u64 now = bpf_ktime_get_ns();

	for (int i = 0; i < BUCKET_TRIES; i++) {
		__u64 before = *(volatile __u64 *)bucket, from = before > now ? before : now;

		if (from - now > action->burst_ns)
			return false;
		if (__sync_val_compare_and_swap(bucket, before, from + action->packet_ns) == before)
			return true;
	}
	return false;
}

static __always_inline __u64 cut_prefix(__u64 addr, __u32 len)
{
	return len >= 64 ? addr : len ? addr & ~0ULL << (64 - len) : 0;
}

/* Whose bucket a packet takes from: the @index-th of the @load-th ruleset. */
struct act_bucket {
	__u32 index;
	__u32 load;
};

static __always_inline bool take_from_source(struct fw_action *action, struct act_bucket at,
					     const struct fw_key *packet)
{
	__u32 len = packet->is_ip6 ? action->source_len6 : action->source_len4;
	struct fw_bucket_key key = { .bucket = at.index, .load = at.load };
	__u64 start = 0, *bucket;

	/* The source comes first, of IPv4 in the upper half. */
	key.addr[0] = cut_prefix(packet->words[1], len);
	key.addr[1] = len > 64 ? cut_prefix(packet->words[2], len - 64) : 0;
	bucket = bpf_map_lookup_elem(&fw_buckets, &key);
	if (!bucket) {
		bpf_map_update_elem(&fw_buckets, &key, &start, BPF_NOEXIST);
		bucket = bpf_map_lookup_elem(&fw_buckets, &key);
	}
	/* Gone already: the table turns over faster than packets come. */
	return !bucket || take_packet(bucket, action);
}

/* Whether @action lets one more packet of @key pass. Global, as fw_find(). */
__noinline int fw_is_within_limit(struct fw_action *action, const struct fw_key *key, __u32 index,
				  __u32 load)
{
	if (!action || !key)
		return 1;
	if (action->limit != FW_LIMIT_SOURCE)
		return take_packet(&action->bucket, action);
	return take_from_source(action, (struct act_bucket){ index, load }, key);
}

/* The place of the next sample, and its number. */
static __always_inline struct fw_sample *get_sample(__u64 *ret_number)
{
	__u32 index = FW_SAMPLES;
	struct fw_sample *latest = bpf_map_lookup_elem(&fw_samples, &index);

	if (!latest)
		return NULL;
	*ret_number = __sync_fetch_and_add(&latest->number, 1) + 1;
	index = *ret_number % FW_SAMPLES;
	return bpf_map_lookup_elem(&fw_samples, &index);
}

static __always_inline void keep_sample(const struct reader *from, __u32 len, __u32 load,
					__u32 rule)
{
	__u64 caught = len, number;
	struct fw_sample *sample = get_sample(&number);

	if (!sample)
		return;
	*(volatile __u64 *)&sample->number = 0;
	*(volatile __u64 *)&sample->again = 0;
	sample->time_ns = bpf_ktime_get_ns();
	sample->rule = rule;
	sample->len = len;
	sample->load = load;
	if (caught > FW_SAMPLE_BYTES)
		caught = FW_SAMPLE_BYTES;
	/* 1 to all of them, in a way that Linux 6.1 follows. */
	barrier_var(caught);
	caught = ((caught - 1) & (FW_SAMPLE_BYTES - 1)) + 1;
	sample->caught = caught;
	if (read_bytes(from, 0, sample->bytes, caught))
		sample->caught = 0;
	*(volatile __u64 *)&sample->number = number;
	*(volatile __u64 *)&sample->again = number;
}

#endif
