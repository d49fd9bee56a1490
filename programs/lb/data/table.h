/* SPDX-License-Identifier: GPL-2.0-only */
/* The flow table: where flows of late went. */
#ifndef LB_DATA_TABLE_H
#define LB_DATA_TABLE_H

#include "programs/lb/data/maps.h"
#include "programs/lb/data/packet.h"

#define SECOND_NS 1000000000ULL
/* Ticks of LB_TIME_SHIFT. */
#define TICKS_UDP (30 * SECOND_NS >> LB_TIME_SHIFT)
/* A time of use is written again only when it is that old: hits leave the cache line shared. */
#define TICKS_FRESH (SECOND_NS >> LB_TIME_SHIFT)

/* A packet's place in the table. */
struct lb_place {
	struct lb_bucket *bucket;
	__u64 tag;
	__u64 now; /* CLOCK_MONOTONIC, ns */
	bool is_udp;
};

static __always_inline __u64 rotate64(__u64 word, __u32 bits)
{
	return word << bits | word >> (64 - bits);
}

/*
 * A flow's tag: words of 32 bits times secret numbers of 64 bits, which leaves nobody
 * without the seed a way to make two flows alike, then mixed so that any of its bits
 * may choose the bucket.
 */
static __always_inline __u64 flow_tag(const struct lb_run *run, const struct lb_packet *packet)
{
	__u64 seed0 = run->control->seed[0], seed1 = run->control->seed[1];
	__u64 tag = seed1 + packet->proto;

	tag += seed0 * ((__u32)packet->sport | (__u32)packet->dport << 16);
	tag += rotate64(seed0, 9) * packet->src[0];
	tag += rotate64(seed1, 9) * packet->dst[0];
	if (packet->is_ip6) {
		tag += rotate64(seed0, 22) * packet->src[1];
		tag += rotate64(seed1, 22) * packet->dst[1];
		tag += rotate64(seed0, 35) * packet->src[2];
		tag += rotate64(seed1, 35) * packet->dst[2];
		tag += rotate64(seed0, 48) * packet->src[3];
		tag += rotate64(seed1, 48) * packet->dst[3];
	}
	tag = (tag ^ tag >> 32) * 0x9e3779b97f4a7c15ULL;
	return tag ^ tag >> 29;
}

static __always_inline __u32 bucket_of(__u64 tag)
{
	return (tag >> 32) & (LB_BUCKETS - 1);
}

/* find_place - false where the table is not to be had, which does not happen. */
static __always_inline bool find_place(const struct lb_run *run, const struct lb_packet *packet,
				       struct lb_place *ret_place)
{
	__u64 tag = flow_tag(run, packet);
	__u32 index = bucket_of(tag);

	ret_place->tag = tag;
	ret_place->is_udp = packet->proto == IPPROTO_UDP;
	ret_place->now = read_clock(run);
	ret_place->bucket = bpf_map_lookup_elem(&lb_flows, &index);
	return ret_place->bucket;
}

/* Ticks since the flow was last used. Another CPU may have looked at its clock later. */
static __always_inline __u32 flow_age(__u64 value, __u32 now)
{
	__s32 age = now - (__u32)(value >> 32);

	return age < 0 ? 0 : age;
}

static __always_inline void write_flow(struct lb_flow *flow, __u64 tag, __u64 value)
{
	flow->value = value;
	flow->check = tag ^ value;
}

/* recall_flow - what the table has of the flow: LB_FLOW(), or 0. Its time of use is renewed. */
static __always_inline __u64 recall_flow(const struct lb_run *run, const struct lb_place *place)
{
	__u32 now = place->now >> LB_TIME_SHIFT;

	__u32 i, age;
	__u64 value;

	for (i = 0; i < LB_BUCKET_FLOWS; i++) {
		value = place->bucket->flows[i].value;
		if ((place->bucket->flows[i].check ^ value) == place->tag && value)
			break;
	}
	if (i == LB_BUCKET_FLOWS)
		return 0;
	age = flow_age(value, now);
	if (place->is_udp && age > TICKS_UDP)
		return 0;
	if (age > TICKS_FRESH)
		write_flow(&place->bucket->flows[join(run, i) % LB_BUCKET_FLOWS], place->tag,
			   (__u64)now << 32 | (__u32)value);
	return value;
}

/* All bits where @word is 0, or @less less than @more; else none. No branch: see rank_place(). */
static __always_inline __u64 mask_if_zero(__u64 word)
{
	word = ((word | -word) >> 63) - 1;
	barrier_var(word);
	return word;
}

static __always_inline __u64 mask_if_less(__u64 less, __u64 more)
{
	__u64 mask = 0 - ((less - more) >> 63);

	barrier_var(mask);
	return mask;
}

/*
 * What is kept longest has the highest rank: least of all what is of the flow itself,
 * then free places, then UDP that nobody knows any more, then all others by their last
 * use. The place's number is in the lowest bits. Without branches, of which the
 * verifier would walk every combination in every place.
 */
static __always_inline __u64 rank_place(const struct lb_flow *flow, __u64 tag, __u32 now, __u32 i)
{
	__u64 value = flow->value, age = (__u64)now + (1ULL << 32) - (value >> 32);
	__u64 is_same = mask_if_zero(flow->check ^ value ^ tag), is_free = mask_if_zero(value);
	/* The bias of the age takes what another CPU used a moment after @now. */
	__u64 is_stale = mask_if_less((1ULL << 32) + TICKS_UDP, age) &
			 ~mask_if_zero(value & LB_FLOW_UDP);
	__u64 rank = (1ULL << 34) - age;

	rank = (rank & ~is_stale) | (2 & is_stale);
	rank = (rank & ~is_free) | (1 & is_free);
	return (rank & ~is_same) * LB_BUCKET_FLOWS + i;
}

/*
 * lb_write_flow - the flow in @tag's bucket, in the place of the lowest rank. Called, as
 * every packet that needs it is the first of its flow, and global, so that the verifier
 * walks it once and not for each way that leads here.
 */
__noinline int lb_write_flow(__u64 tag, __u64 value)
{
	__u32 index = bucket_of(tag), zero = 0;
	struct lb_bucket *bucket = bpf_map_lookup_elem(&lb_flows, &index);
	struct lb_rate *rate = bpf_map_lookup_elem(&lb_rate, &zero);
	__u64 least, rank;

	if (!bucket || !rate)
		return 0;
	least = rank_place(&bucket->flows[0], tag, value >> 32, 0);
	for (__u32 i = 1; i < LB_BUCKET_FLOWS; i++) {
		rank = rank_place(&bucket->flows[i], tag, value >> 32, i);
		least += (rank - least) & mask_if_less(rank, least);
	}
	/*
	 * Through memory, where the engine fused makes this function static: to bound
	 * the number the verifier would go back to all that it was computed from, and
	 * then tell states apart by that (6.18 gave up after a million instructions).
	 */
	*(volatile __u64 *)&rate->scratch = least;
	least = *(volatile __u64 *)&rate->scratch;
	write_flow(&bucket->flows[least % LB_BUCKET_FLOWS], tag, value);
	return 0;
}

/* record_flow - @real, of index @index, is where the flow at @place goes from now on. */
static __always_inline void record_flow(const struct lb_place *place, const struct lb_real *real,
					__u32 index)
{
	__u64 value = LB_FLOW(index, real->epoch, (__u32)(place->now >> LB_TIME_SHIFT));

	if (place->is_udp)
		value |= LB_FLOW_UDP;
	lb_write_flow(place->tag, value);
}

/* is_flooded - one flow more that is new, and whether that is one too many in this second. */
static __always_inline bool is_flooded(const struct lb_run *run, __u64 now)
{
	__u32 zero = 0;
	struct lb_rate *rate = bpf_map_lookup_elem(&lb_rate, &zero);

	if (!rate)
		return true;
	run->count[LB_NEW_FLOWS]++;
	if (now - rate->since > SECOND_NS) {
		rate->since = now;
		rate->flows = 0;
	}
	if (++rate->flows <= run->control->new_flows_max)
		return false;
	run->count[LB_FLOODED]++;
	return true;
}

#endif
