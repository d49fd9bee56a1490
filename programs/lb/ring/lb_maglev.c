/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maglev (Eisenbud and others, NSDI 2016) with Katran's two ways to weigh: each
 * member walks the positions in an order of its own and, in turn, takes the next
 * that is free.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/ring/lb_real_hash.h"
#include "programs/lb/ring/lb_ring_kinds.h"

/* Katran's, and so facts of every ring. */
#define MAGLEV_OFFSET_WORD 42
#define MAGLEV_OFFSET_SEED 0
#define MAGLEV_SKIP_WORD 2718281828U
#define MAGLEV_SKIP_SEED 2307

/* A member's walk. It wraps at 32 bits, not at the ring's size: so Katran's does. */
struct maglev_walk {
	__u32 offset;
	__u32 skip;
	__u32 way; /* how often it went on, times skip */
	__u64 credit;
};

static struct maglev_walk walk_start(__u64 hash)
{
	return (struct maglev_walk){
		.offset = lb_murmur_words(hash, MAGLEV_OFFSET_WORD, MAGLEV_OFFSET_SEED) %
			  LB_RING_SIZE,
		.skip = lb_murmur_words(hash, MAGLEV_SKIP_WORD, MAGLEV_SKIP_SEED) %
				(LB_RING_SIZE - 1) +
			1,
	};
}

static __u32 walk_on(struct maglev_walk *walk)
{
	__u32 position = (walk->offset + walk->way) % LB_RING_SIZE;

	walk->way += walk->skip;
	return position;
}

static void take_position(struct maglev_walk *walk, __u32 index, __u32 *ring)
{
	__u32 position;

	do {
		position = walk_on(walk);
	} while (ring[position]);
	ring[position] = index;
}

/* turns1 - how many positions @member takes in this round. */
static __u32 turns1(const struct lb_ring_member *member, bool is_first)
{
	return is_first ? member->weight : 1;
}

/* turns2 - likewise: the heaviest takes one in every round, others when they saved up for it. */
static __u32 turns2(const struct lb_ring_member *member, __u32 heaviest, struct maglev_walk *walk)
{
	walk->credit += member->weight;
	if (walk->credit < heaviest)
		return 0;
	walk->credit -= heaviest;
	return 1;
}

static __u32 find_heaviest(const struct lb_ring_member *members, size_t count)
{
	__u32 heaviest = 0;

	for (size_t i = 0; i < count; i++)
		if (members[i].weight > heaviest)
			heaviest = members[i].weight;
	return heaviest;
}

int lb_maglev_fill(enum lb_ring_kind kind, const struct lb_ring_member *members, size_t count,
		   __u32 *ring)
{
	_cleanup_free_ struct maglev_walk *walks = calloc(count, sizeof(*walks));
	__u32 heaviest = find_heaviest(members, count);
	__u32 taken = 0;

	if (!walks)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		walks[i] = walk_start(members[i].hash);
	memset(ring, 0, LB_RING_SIZE * sizeof(*ring));

	for (bool is_first = true;; is_first = false) {
		for (size_t i = 0; i < count; i++) {
			__u32 turns = kind == LB_MAGLEV1 ? turns1(&members[i], is_first) :
							   turns2(&members[i], heaviest, &walks[i]);

			for (; turns; turns--) {
				take_position(&walks[i], members[i].index, ring);
				if (++taken == LB_RING_SIZE)
					return 0;
			}
		}
	}
}
