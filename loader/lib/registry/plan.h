/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan: desired state minus running state, as steps. Pure. */
#ifndef SLOT_PLAN_H
#define SLOT_PLAN_H

#include "loader/lib/registry/map_orders.h"
#include "loader/lib/registry/state.h"

enum slot_action {
	SLOT_ACTION_LOAD,    /* nothing ran there: load and link */
	SLOT_ACTION_REPLACE, /* other object, function, settings or name: load, link in its place */
	SLOT_ACTION_RELINK,  /* same program, other rules or owner: link again, not reloaded */
	SLOT_ACTION_UNLINK,  /* ran, shall no longer */
	SLOT_ACTION_CANARY, /* same program: a canary beside it starts, stops or gets other packets */
	SLOT_ACTION_KEEP,   /* same program, same rules: link again, not reloaded */
	SLOT_ACTION_COUNT,
};

struct slot_step {
	unsigned int slot;
	enum slot_action action;
	char text[512]; /* "replace firewall 1.0.0 (ab12cd34) by firewall 1.1.0 (99aa00ff)" */
};

struct slot_plan {
	struct slot_step steps[ROOT_SLOTS]; /* by slot, for each slot that runs before or after */
	size_t count;
	bool has_changes; /* false: every step is KEEP and the chain as a whole stays as it is */
	bool has_counters_change;
	bool has_engine_change;	      /* set by who knows the engines: see slot_chain_plan */
	bool has_root_change;	      /* the root is of an older version; set there as well */
	bool has_reservations_change; /* a slot that does not run was reserved, freed or altered */
};

/* slot_action_name - "load", "replace", "relink", "unlink", "keep". */
const char *slot_action_name(enum slot_action action);

/*
 * slot_plan_make - what leads from @running to @desired. @running NULL: no chain
 * runs yet; then there are changes even where nothing is desired.
 */
void slot_plan_make(const struct slot_chain_state *running, const struct slot_chain_state *desired,
		    struct slot_plan *ret_plan);

/*
 * slot_plan_add_map_orders - @slot's maps are reset or migrated on the way: its
 * program is loaded anew, also where nothing else of it changes. A slot that
 * will not run has no use for orders.
 */
void slot_plan_add_map_orders(struct slot_plan *plan, unsigned int slot,
			      const struct slot_map_orders *orders);

/* slot_plan_to_json - a new reference, or NULL when memory is out. */
json_t *slot_plan_to_json(const struct slot_plan *plan);

#endif
