/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which connections a device may send on by itself, and what the agent, which has it do so, says
 * of itself (handoff_abi.h). Its rules follow those of the table, and not at once: whoever blocks
 * a connection that was sent on waits until handoff_offloads_get() says -ENOENT before it counts
 * on that. What comes in meanwhile still goes to the target.
 *
 * All return 0 or -errno. Thread-safe.
 */
#ifndef HANDOFF_OFFLOADS_H
#define HANDOFF_OFFLOADS_H

#include <stdbool.h>

#include "loader/lib/base/reason.h"
#include "programs/handoff/handoff_abi.h"

/* -1 where closed. */
struct handoff_offloads {
	int table, told;
};

#define HANDOFF_OFFLOADS_CLOSED { .table = -1, .told = -1 }

/*
 * handoff_offloads_open - the maps pinned in @map_dir, the folder of handoff's slot. Returns 0,
 * -EPROTO for another version's, -errno; says why. @ret_offloads is the caller's to close.
 */
int handoff_offloads_open(const char *map_dir, bool is_writer, struct slot_reason *why,
			  struct handoff_offloads *ret_offloads);
void handoff_offloads_close(struct handoff_offloads *offloads);

/* handoff_offloads_get - what a device does for @key. Returns 0, -ENOENT: nothing; -errno. */
int handoff_offloads_get(const struct handoff_offloads *offloads, const struct handoff_key *key,
			 struct handoff_offload *ret_offload);

/* Called with each connection of a device; what is not 0 ends it. */
typedef int (*handoff_offload_fn)(const struct handoff_key *key,
				  const struct handoff_offload *offload, void *data);

/*
 * handoff_offloads_each - call @see for all of them, in no order; of those that come or go
 * meanwhile some may be left out, or seen twice. Returns 0, -errno, or what ended it.
 */
int handoff_offloads_each(const struct handoff_offloads *offloads, handoff_offload_fn see,
			  void *data);

/* handoff_told_get - what the agent says; all 0 where none ever ran. Returns 0 or -errno. */
int handoff_told_get(const struct handoff_offloads *offloads, struct handoff_told *ret_told);

/* --- for the agent alone ------------------------------------------------------------------- */

/* handoff_offloads_set - a device may, from now on. Returns 0, -E2BIG: no room; -errno. */
int handoff_offloads_set(const struct handoff_offloads *offloads, const struct handoff_key *key,
			 const struct handoff_offload *offload);
/* handoff_offloads_del - it does it no longer. Returns 0 also where it did not, or -errno. */
int handoff_offloads_del(const struct handoff_offloads *offloads, const struct handoff_key *key);
/* handoff_offloads_clear - for no connection. Returns 0 or -errno. */
int handoff_offloads_clear(const struct handoff_offloads *offloads);

/* handoff_told_set - it says so, all of it anew. Returns 0 or -errno. */
int handoff_told_set(const struct handoff_offloads *offloads, const struct handoff_told *told);

#endif
