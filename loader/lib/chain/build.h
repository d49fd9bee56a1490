/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Building the next generation of a chain beside the one that runs. */
#ifndef SLOT_CHAIN_BUILD_H
#define SLOT_CHAIN_BUILD_H

#include "loader/lib/chain/chain.h"

/* One attempt at the next generation, and all that has to be undone if it fails. */
struct slot_attempt {
	struct slot_chain *chain;
	const struct slot_change *change;
	struct slot_generation *generation;
	char dir[PATH_MAX];
	char map_dir[PATH_MAX];
	char stage_dir[PATH_MAX];
	struct slot_program *programs[ROOT_SLOTS];
	struct slot_program *opened[ROOT_SLOTS]; /* those of them that the cache does not own */
	bool has_frags;
	unsigned int cpu_max;
};

/* slot_attempt_stage - make the folder of the generation, its counters and its description. Returns 0 or -errno, says why. */
int slot_attempt_stage(struct slot_attempt *attempt, struct slot_reason *why);

/* slot_attempt_open - find or open every program that is to run. Returns 0 or -errno, says why. */
int slot_attempt_open(struct slot_attempt *attempt, struct slot_reason *why);

/* slot_attempt_build - load, link and pin. Returns 0 or -errno, says why. */
int slot_attempt_build(struct slot_attempt *attempt, struct slot_reason *why);

/* slot_attempt_settle - it was swapped in: its programs belong to the chain's cache now, its maps to the slots. */
void slot_attempt_settle(struct slot_attempt *attempt);

/* slot_attempt_abandon - it failed: nothing of it stays. */
void slot_attempt_abandon(struct slot_attempt *attempt);

#endif
