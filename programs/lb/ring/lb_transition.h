/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a VIP with LB_TABLE_TRANSITIONS gets from one ring to the next without losing
 * flows. Pure: no system call. What it guarantees is in docs/load-balancing.md.
 *
 * An entry that did not change needs no memory: the hash leads every packet to the
 * real that it always led to. An entry that changed is watched:
 *
 * - LB_ENTRY_TABLE: flows that began since are recorded by their SYN, and what is
 *   recorded goes first.
 * - LB_ENTRY_PREVIOUS, for a window: a packet that is no SYN and has no record is of
 *   a flow that began before the change. It goes to the real of that time, which
 *   lb_previous has, and is recorded. Through several changes within one window
 *   that stays the oldest real: flows of those in between have records.
 * - LB_ENTRY_ERA counts how often the entry came to be watched. It belongs to a
 *   record's tag, since nobody saw the flows in between: a record of an earlier era
 *   may be of another flow with the same ports.
 *
 * All of this follows from the rings and the times of the changes, so hosts that
 * share nothing but their configuration agree on flows that come to them by a
 * change of routes.
 */
#ifndef LB_TRANSITION_H
#define LB_TRANSITION_H

#include <stdbool.h>

#include <linux/types.h>

#include "programs/lb/lb_abi.h"

/* How long after its window an entry is watched, s: flows that change real live on so long. */
#define LB_TRANSITION_KEEP 86400

struct lb_transition {
	const __u32 *entries; /* the ring as it is, LB_RING_SIZE entries with their flags */
	const struct lb_previous *previous; /* LB_RING_SIZE; what no page has is all 0 */
	const __u32 *ring;		    /* the ring as it shall be, LB_RING_SIZE indexes */
	const __u64 *gone;    /* bit per index: reals that get nothing any more; NULL: none */
	__u64 previous_until; /* lb_vip's, as it is */
	__u64 now;	      /* CLOCK_MONOTONIC, ns */
	__u32 window;	      /* s; 0: flows of changed entries are not kept */
	bool was_recorded;    /* the VIP had LB_TABLE_FLOWS: all its flows have records of era 0 */
};

/*
 * lb_transition_plan - the entries, previous reals and lb_vip.previous_until for
 * @change->ring. With the ring as it is this only ends what is over: to be called
 * now and then, or what changed once is watched until the next change.
 *
 * A VIP's first ring has no flags. @ret_entries and @ret_previous have room for
 * LB_RING_SIZE and may be those that @change names. @ret_until is 0 when no entry
 * has LB_ENTRY_PREVIOUS.
 *
 * Returns how many entries have another real than before.
 */
__u32 lb_transition_plan(const struct lb_transition *change, __u32 *ret_entries,
			 struct lb_previous *ret_previous, __u64 *ret_until);

#endif
