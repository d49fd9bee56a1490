/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many connections of this host moved, or did not, and why (handoff_abi.h): counted by every
 * process that moves them, for commands to read.
 */
#ifndef HANDOFF_MOVES_H
#define HANDOFF_MOVES_H

#include "loader/lib/base/reason.h"
#include "programs/handoff/handoff_abi.h"

/* NULL: nothing is counted. */
struct handoff_moves {
	__u64 *counts;
};

/*
 * handoff_moves_open - the counters in @map_dir, the folder of handoff's slot, to be added to.
 * Nothing is counted where the slot's program is older than they are. Returns 0, -EPROTO for
 * another version's, -errno; says why. @ret_moves is the caller's to close.
 */
int handoff_moves_open(const char *map_dir, struct slot_reason *why,
		       struct handoff_moves *ret_moves);
void handoff_moves_close(struct handoff_moves *moves);

/* handoff_moves_add - one more. Thread-safe. */
void handoff_moves_add(const struct handoff_moves *moves, enum handoff_move move);

/*
 * handoff_moves_read - all of them, by enum handoff_move; read permission is enough. Returns 0,
 * -EPROTO, -errno; says why.
 */
int handoff_moves_read(const char *map_dir, struct slot_reason *why,
		       __u64 ret_counts[HANDOFF_MOVES_SIZE]);

#endif
