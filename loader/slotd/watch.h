/* SPDX-License-Identifier: GPL-2.0-only */
/* Versions on trial: looked at every second, taken back where they do worse than before. */
#ifndef SLOTD_WATCH_H
#define SLOTD_WATCH_H

#include "loader/lib/registry/watch.h"
#include "loader/slotd/ops.h"

#define WATCH_TICK_USEC 1000000

/*
 * watch_begin - the watch of @slot, as @desired has it, from the swap on that is
 * about to happen. Returns 0, -EINVAL where there is nothing to compare with or
 * go back to, or -errno; says why.
 */
int watch_begin(const struct slot_chain *chain, const struct slot_state *desired, unsigned int slot,
		const struct slot_watch_terms *terms, struct slot_reason *why,
		struct slot_watch *ret_watch);

/*
 * watch_start - the swap is over: what @slots counted before it is known exactly
 * now, without what the old version did while the new one was built. A kill
 * before this leaves the earlier figure, which is good enough.
 */
void watch_start(struct slot_chain *chain, __u32 slots);

/* watch_is_needed - whether any chain has a version on trial. */
bool watch_is_needed(const struct daemon *daemon);

/* watch_tick - judge all of them. */
void watch_tick(struct daemon *daemon);

/* watch_to_json - how the watch of @slot stands, or NULL for none. */
json_t *watch_to_json(const struct slot_chain *chain, unsigned int slot);

#endif
