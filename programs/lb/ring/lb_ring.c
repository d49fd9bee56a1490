/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/ring/lb_real_hash.h"
#include "programs/lb/ring/lb_ring.h"
#include "programs/lb/ring/lb_ring_kinds.h"

static int compare_members(const void *one, const void *other)
{
	const struct lb_ring_member *a = one, *b = other;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

static int compare_weights(const void *one, const void *other)
{
	const struct lb_ring_member *a = one, *b = other;

	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return compare_members(one, other);
}

/* find_members - those of @reals that have a weight; returns how many. */
static size_t find_members(const struct lb_ring_real *reals, size_t count,
			   struct lb_ring_member *ret_members)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		if (!reals[i].weight)
			continue;
		ret_members[found++] = (struct lb_ring_member){
			.hash = lb_real_hash(reals[i].addr, reals[i].is_ip6),
			.weight = reals[i].weight,
			.index = reals[i].index,
		};
	}
	return found;
}

int lb_ring_build(enum lb_ring_kind kind, const struct lb_ring_real *reals, size_t count,
		  __u32 *ret_ring)
{
	_cleanup_free_ struct lb_ring_member *members = NULL;
	size_t found;

	if (kind >= LB_RING_KINDS)
		return -EINVAL;
	members = calloc(count + 1, sizeof(*members));
	if (!members)
		return -ENOMEM;
	found = find_members(reals, count, members);

	if (found > 1 && kind != LB_HRW) {
		qsort(members, found, sizeof(*members), compare_members);
		return lb_maglev_fill(kind, members, found, ret_ring);
	}
	if (found > 1) {
		qsort(members, found, sizeof(*members), compare_weights);
		lb_hrw_fill(members, found, ret_ring);
		return 0;
	}
	for (size_t i = 0; i < LB_RING_SIZE; i++)
		ret_ring[i] = members[0].index;
	return 0;
}
