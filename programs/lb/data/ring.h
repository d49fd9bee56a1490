/* SPDX-License-Identifier: GPL-2.0-only */
/* The rings: which real a flow goes to by its hash alone. */
#ifndef LB_DATA_RING_H
#define LB_DATA_RING_H

#include "bpf/hash.h"
#include "programs/lb/data/maps.h"
#include "programs/lb/data/packet.h"

/* Katran's, which follow from its 512 VIPs: they stay, however many there may be here. */
#define SEED_ADDRESS 512
#define SEED_PORTS (512 * LB_RING_SIZE)

/*
 * Division by a constant is a division for BPF; these are multiplications, exact
 * for positions below LB_RING_SIZE.
 */
#define PAGE_OF(position, entries) (((__u64)(position) * ((1U << 26) / (entries) + 1)) >> 26)

/* What a place in a VIP's ring says. */
struct lb_entry {
	__u32 position;
	__u32 value; /* LB_ENTRY_*; 0: no real */
};

static __always_inline __u32 hash_by(const __u32 *words, __u32 count, __u32 seed)
{
	if (lb_config.hash == LB_XXHASH)
		return hash_xxh32(words, count, seed);
	if (lb_config.hash == LB_MURMUR3)
		return hash_murmur3(words, count, seed);
	return hash_jenkins(words, count, seed);
}

/* Jenkins as Katran has it: of 16 address bytes first. The others take all words at once. */
static __always_inline __u32 hash_flow(const struct lb_packet *packet, bool is_long)
{
	__u32 ports = (__u32)packet->sport | (__u32)packet->dport << 16;
	__u32 words[] = { packet->src[0], packet->src[1], packet->src[2], packet->src[3], ports };
	__u32 two[] = { packet->src[0], ports };

	if (is_long && lb_config.hash != LB_JHASH)
		return hash_by(words, 5, SEED_PORTS);
	if (is_long)
		two[0] = hash_jenkins(words, 4, SEED_ADDRESS);
	return hash_by(two, 2, SEED_PORTS);
}

/* 65,536 is -1 modulo 65,537, so the remainder is the low half less the high half. */
static __always_inline __u32 ring_position(__u32 hash)
{
	__u32 low = hash & 0xffff, high = hash >> 16;

	return low >= high ? low - high : low + LB_RING_SIZE - high;
}

/* What tells a ring's entries from all others there were, until 4 million changes later. */
static __always_inline __u32 ring_tag(const struct lb_run *run, const struct lb_vip *vip)
{
	return ~((run->generation * LB_VIPS_MAX + vip->number) * 2 + vip->ring);
}

/* The page's entry; it is kept where @ret_known is. */
static __always_inline __u32 look_up_entry(const struct lb_vip *vip, __u32 position, __u32 tag,
					   __u64 *ret_known)
{
	__u32 number = PAGE_OF(position, LB_PAGE_ENTRIES);
	__u32 key = LB_PAGE_KEY(vip->number, vip->ring, number);
	__u32 index = position - number * LB_PAGE_ENTRIES, value;
	struct lb_ring_page *page = bpf_map_lookup_elem(&lb_rings, &key);

	if (!page || index >= LB_PAGE_ENTRIES)
		return 0;
	value = page->entries[index];
	*ret_known = (__u64)tag << 32 | value;
	return value;
}

static __always_inline struct lb_entry
find_entry(const struct lb_run *run, const struct lb_packet *packet, const struct lb_vip *vip)
{
	bool is_long = packet->is_ip6 || vip->flags & LB_DST_PORT_ONLY;
	struct lb_entry entry = { .position = ring_position(hash_flow(packet, is_long)) };
	__u32 index = (entry.position + (vip->number << 16)) % KNOWN_ENTRIES;
	__u64 *place = bpf_map_lookup_elem(&lb_entries, &index), known;
	__u32 tag = ring_tag(run, vip);

	if (!place)
		return entry;
	known = *(volatile __u64 *)place;
	if (known >> 32 == tag)
		entry.value = known;
	else
		entry.value = look_up_entry(vip, entry.position, tag, place);
	return entry;
}

/* The real of the entry before the changes that are still open; 0 where there is none. */
static __always_inline __u32 find_previous(const struct lb_vip *vip, __u32 position)
{
	__u32 number = PAGE_OF(position, LB_PREVIOUS_ENTRIES);
	__u32 key = LB_PREVIOUS_KEY(vip->number, vip->ring, number);
	__u32 index = position - number * LB_PREVIOUS_ENTRIES;
	struct lb_previous_page *page = bpf_map_lookup_elem(&lb_previous, &key);

	return page && index < LB_PREVIOUS_ENTRIES ? page->entries[index].real : 0;
}

#endif
