/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Building the next generation of a chain beside the one that runs. */
#ifndef SLOT_CHAIN_BUILD_H
#define SLOT_CHAIN_BUILD_H

#include "loader/lib/chain/chain.h"

#define SLOT_MIGRATE_SECONDS 30 /* for all converters of one change of one chain */

/* What of a chain a commit changes, as it was before. */
struct slot_chain_before {
	struct slot_generation *current;
	struct slot_generation *previous;
	struct slot_overrides overrides;
	struct slot_watches watches;
	bool is_detached;
	bool was_attached;
};

/* slot_chain_remember - @chain as it is before a commit or a detach. */
struct slot_chain_before slot_chain_remember(const struct slot_chain *chain);

/*
 * slot_chain_restore - make @chain what it was, in memory; all but the next number: a
 * generation that was swapped in has counted under its number, and keeps it.
 */
void slot_chain_restore(struct slot_chain *chain, const struct slot_chain_before *before);

/* One attempt at the next generation, and all that has to be undone if it fails. */
struct slot_attempt {
	struct slot_chain *chain;
	struct slot_chain_state desired;
	struct slot_overrides overrides;
	struct slot_watches watches;
	const struct slot_map_orders *map_orders; /* as in slot_change; the caller's, for prepare */
	struct slot_generation *generation;	  /* NULL: nothing has to be built */
	struct slot_chain_before before;
	struct slot_outcome outcome;
	bool is_folder_new; /* the chain had none before */
	bool is_committed;  /* swapped in and recorded */
	bool was_swapped;   /* packets met it */
	char dir[PATH_MAX];
	char map_dir[PATH_MAX];
	char stage_dir[PATH_MAX];
	struct slot_program *programs[ROOT_VERSIONS][ROOT_SLOTS];
	/* Those of them that the cache does not own. */
	struct slot_program *opened[ROOT_VERSIONS][ROOT_SLOTS];
	bool has_frags;
	unsigned int cpu_max;
};

/*
 * slot_attempt_stage - make the folder of the generation, its counters and its
 * description; @reason is for the record. Returns 0 or -errno, says why.
 */
int slot_attempt_stage(struct slot_attempt *attempt, const char *reason, struct slot_reason *why);

/* slot_attempt_open - find or open every program that is to run. Returns 0 or -errno, says why. */
int slot_attempt_open(struct slot_attempt *attempt, struct slot_reason *why);

/*
 * slot_attempt_open_adopted - the program that @slot, with @state, adopted from
 * libxdp: from the dispatcher that is taken over, or from the pins of a generation.
 * slot_attempt_check_adopted - whether it fits the chain, which takes multi-buffer
 * packets or not. Both return 0 or -errno, and say why.
 */
int slot_attempt_open_adopted(const struct slot_attempt *attempt, unsigned int slot,
			      const struct slot_state *state, struct slot_reason *why,
			      struct slot_program **ret_program);
int slot_attempt_check_adopted(const struct slot_attempt *attempt,
			       const struct slot_program *program, struct slot_reason *why);

/* slot_attempt_build - load, link and pin. Returns 0 or -errno, says why. */
int slot_attempt_build(struct slot_attempt *attempt, struct slot_reason *why);

/*
 * slot_attempt_migrate - have the converters of the objects fill the maps that
 * the change orders to be migrated, from those in place, before any packet
 * meets them. Blocks, for SLOT_MIGRATE_SECONDS at most. Returns 0 or -errno
 * (slot_confined_run), says why.
 */
int slot_attempt_migrate(const struct slot_attempt *attempt, struct slot_reason *why);

/* slot_attempt_keep - its programs belong to the chain's cache from now on. */
void slot_attempt_keep(struct slot_attempt *attempt);

/* slot_attempt_discard - nothing of what was built stays; what packets met it counted does. */
void slot_attempt_discard(struct slot_attempt *attempt);

#endif
