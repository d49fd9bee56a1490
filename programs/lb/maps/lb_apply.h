/* SPDX-License-Identifier: GPL-2.0-only */
/* From one state of the maps to the next. The order of writes is lb_apply()'s, and README.md's. */
#ifndef LB_APPLY_H
#define LB_APPLY_H

#include "programs/lb/maps/lb_journal.h"
#include "programs/lb/model/lb_model.h"

struct lb_change {
	struct lb_journal journal;
	const struct lb_model *current;
	struct lb_model *wanted; /* rings and the like are set as they come to be */
};

/* lb_apply - @change->wanted is settled and checked. Returns 0, or -errno and says why. */
int lb_apply(struct lb_change *change, struct slot_reason *why);

/* These are its steps; each writes through the journal. */

/* What follows from VIPs and their reals: marks of reals that are down, rewrite returns. */
int lb_apply_marks(struct lb_change *change, bool is_del, struct slot_reason *why);
int lb_apply_returns(struct lb_change *change, bool is_del, struct slot_reason *why);
/* Server ids, source prefixes, tunnels: new ones and others' first, then those that go. */
int lb_apply_ids(struct lb_change *change, bool is_del, struct slot_reason *why);
int lb_apply_sources(struct lb_change *change, bool is_del, struct slot_reason *why);
int lb_apply_tunnels(struct lb_change *change, bool is_del, struct slot_reason *why);
/* Gateway, filter and all that is beside them, at once. */
int lb_apply_control(struct lb_change *change, struct slot_reason *why);

#endif
