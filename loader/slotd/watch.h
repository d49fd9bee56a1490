/* SPDX-License-Identifier: GPL-2.0-only */
/* What a watch counts: from the swap on, and what that is held against. */
#ifndef SLOTD_WATCH_H
#define SLOTD_WATCH_H

#include <jansson.h>

#include "loader/lib/chain/chain.h"
#include "loader/lib/registry/watch.h"

/*
 * watch_begin - the watch of @slot, as @desired has it, from the swap on that is
 * about to happen. Returns 0, -EINVAL where there is nothing to compare with or
 * go back to, or -errno; says why.
 */
int watch_begin(const struct slot_chain *chain, const struct slot_state *desired, unsigned int slot,
		const struct slot_watch_terms *terms, struct slot_reason *why,
		struct slot_watch *ret_watch);

/*
 * watch_start - the swap is over: what the slots counted whose watches it began is known exactly
 * now, without what the old version did while the new one was built. A kill
 * before this leaves the earlier figure, which is good enough.
 */
void watch_start(struct slot_chain *chain);

/* watch_elapsed_s - the seconds since it began, those that the machine slept too. */
__u64 watch_elapsed_s(const struct slot_watch *watch);

/*
 * watch_compare - what the version that @watch is on did in @slot until now, and
 * what it is held against. Returns 0 or -errno.
 */
int watch_compare(const struct slot_chain *chain, const struct slot_watch *watch, unsigned int slot,
		  struct slot_watch_counts *ret_before, struct slot_watch_counts *ret_since);

/* watch_to_json - how the watch of @slot stands, or NULL for none. */
json_t *watch_to_json(const struct slot_chain *chain, unsigned int slot);

#endif
