/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Weighted rendezvous hashing (Schindelhauer and Schomaker, SPAA 2005): for each
 * position each member draws a number u in (0, 1), and the highest of
 * -weight / ln(u) wins, which each does with a probability of its weight's share.
 *
 * With s = lb_murmur_mix(position + 1) the draw of a member is
 * d = ((z ^ z >> 32) * DRAW_FACTOR2), z = (hash ^ s) * DRAW_FACTOR1, all of 64 bits,
 * and u = 1 - (d + 1) / 2^64. So the lowest of -log2(u) / weight wins, and that is
 * found with integers. Where two are the same to the last bit the lower draw wins,
 * then the higher weight, then the lower hash: an order in which no third member has
 * a say, so that one who comes or goes changes nothing between the others.
 */
#include <stdbool.h>

#include "programs/lb/ring/lb_real_hash.h"
#include "programs/lb/ring/lb_ring_kinds.h"

/* Those of MurmurHash3_x64_128's end: half of it will do, as both words are mixed already. */
#define DRAW_FACTOR1 0xff51afd7ed558ccdULL
#define DRAW_FACTOR2 0xc4ceb9fe1a85ec53ULL
/* Bits behind the point of a logarithm: a share is right to about 1 in 2^28 with 4,096 members. */
#define LOG_BITS 40
/* The same of what draws are held against; a logarithm is below 2^7. */
#define LIMIT_BITS 57
#define LN2_CEIL 45427 /* ln(2) * 2^16 */

/* The best so far at a position. */
struct hrw_best {
	const struct lb_ring_member *member;
	__u64 draw;
	__u64 log;
};

static __u64 draw_number(__u64 hash, __u64 salt)
{
	__u64 z = (hash ^ salt) * DRAW_FACTOR1;

	return (z ^ z >> 32) * DRAW_FACTOR2;
}

/*
 * minus_log2 - of 1 - (@draw + 1) / 2^64, LOG_BITS bits behind the point; never lower
 * than the true one, and never lower for a higher draw. A bit a round: a number in
 * [1, 2) squared is 2 or more where the next bit of its logarithm is set.
 */
static __u64 minus_log2(__u64 draw)
{
	__u64 rest = ~draw ? ~draw : 1;
	unsigned int shift = __builtin_clzll(rest);
	__u64 log = 0;

	rest <<= shift; /* [1, 2) with 63 bits behind the point */
	for (int i = 0; i < LOG_BITS; i++) {
		unsigned __int128 square = (unsigned __int128)rest * rest;
		__u64 high = square >> 64, low = square;
		bool is_two = high >> 63;

		rest = is_two ? high : high << 1 | low >> 63;
		log = log << 1 | is_two;
	}
	return ((__u64)(shift + 1) << LOG_BITS) - log;
}

/* is_better - @old is of a higher weight. */
static bool is_better(const struct hrw_best *new, const struct hrw_best *old)
{
	unsigned __int128 a = (unsigned __int128)new->log * old->member->weight;
	unsigned __int128 b = (unsigned __int128)old->log * new->member->weight;

	return a != b ? a < b : new->draw < old->draw;
}

/*
 * A member of @weight with a draw of draw_limit() or more cannot be better than
 * @best: -log2(1 - x) is at least x / ln(2). Without this every draw would need its
 * logarithm. best_limit() is ln(2) times the logarithm, rounded up, by weight,
 * LIMIT_BITS behind the point.
 */
static __u64 best_limit(const struct hrw_best *best)
{
	return (best->log * LN2_CEIL << (LIMIT_BITS - LOG_BITS - 16)) / best->member->weight + 1;
}

static __u64 draw_limit(__u64 best, __u32 weight)
{
	unsigned __int128 limit = (unsigned __int128)best * weight;

	return limit >> LIMIT_BITS ? ~0ULL : (__u64)limit << (64 - LIMIT_BITS);
}

/* find_lowest - the lowest draw below @limit of @count members of one weight; NULL if none is. */
static const struct lb_ring_member *find_lowest(const struct lb_ring_member *members, size_t count,
						__u64 salt, __u64 limit, __u64 *ret_draw)
{
	const struct lb_ring_member *lowest = NULL;

	for (size_t i = 0; i < count; i++) {
		__u64 draw = draw_number(members[i].hash, salt);

		if (draw >= limit)
			continue;
		limit = draw;
		lowest = &members[i];
	}
	*ret_draw = limit;
	return lowest;
}

static size_t count_same_weight(const struct lb_ring_member *members, size_t count)
{
	size_t same = 1;

	while (same < count && members[same].weight == members[0].weight)
		same++;
	return same;
}

static __u32 find_winner(const struct lb_ring_member *members, size_t count, __u32 position)
{
	__u64 salt = lb_murmur_mix(position + 1);
	struct hrw_best best = {};
	__u64 limit = ~0ULL;
	size_t same;

	for (size_t i = 0; i < count; i += same) {
		struct hrw_best next = {};

		same = count_same_weight(members + i, count - i);
		next.member = find_lowest(members + i, same, salt,
					  draw_limit(limit, members[i].weight), &next.draw);
		if (!next.member)
			continue;
		next.log = minus_log2(next.draw);
		if (best.member && !is_better(&next, &best))
			continue;
		best = next;
		limit = best_limit(&best);
	}
	/* All draws were 2^64 - 1. */
	return best.member ? best.member->index : members[0].index;
}

void lb_hrw_fill(const struct lb_ring_member *members, size_t count, __u32 *ret_ring)
{
	for (__u32 position = 0; position < LB_RING_SIZE; position++)
		ret_ring[position] = find_winner(members, count, position);
}
