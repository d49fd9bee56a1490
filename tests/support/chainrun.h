/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chains for tests: built by an engine from test objects, never attached,
 * nothing pinned, run on packets with BPF_PROG_TEST_RUN.
 */
#ifndef TEST_CHAINRUN_H
#define TEST_CHAINRUN_H

#include "loader/lib/chain/counters.h"
#include "loader/lib/engine/engine.h"
#include "tests/support/progrun.h"

struct chainrun {
	const struct slot_engine *engine;
	struct slot_chain_state state;
	struct slot_build build;
	char dir[64]; /* of its pins */
	int root_fd;
	struct slot_reason why;
};

/* chainrun_start - an empty chain for @engine, with counters. */
void chainrun_start(struct chainrun *chain, const struct slot_engine *engine);
void chainrun_end(struct chainrun *chain);

/*
 * chainrun_add - put the test program @object ("ret"), or one of the build folder
 * ("bpf/lb"), into @slot; @settings is "key=value", "key=value key=value" or NULL.
 * Default rules. Returns 0 or -errno, chain->why says why.
 */
int chainrun_add(struct chainrun *chain, unsigned int slot, const char *object,
		 const char *settings);

/*
 * chainrun_add_canary - the same as the canary of a slot that was added, for half
 * of all flows: chain->state says otherwise before it is built.
 */
int chainrun_add_canary(struct chainrun *chain, unsigned int slot, const char *object,
			const char *settings);

/*
 * chainrun_share - before the chain is built, the program in @slot, which was added, has maps
 * of @lender, which is loaded, in place of its own of the same names.
 */
void chainrun_share(struct chainrun *chain, unsigned int slot, const struct bpf_object *lender);

/* chainrun_build - build what was added. Returns 0 or -errno, chain->why says why. */
int chainrun_build(struct chainrun *chain);

/* chainrun_frame - run a 60-byte frame of the experimental ethertype; fails the test if it cannot. */
struct progrun chainrun_frame(struct chainrun *chain);

/* chainrun_counters - what the chain counted so far. */
struct slot_counters chainrun_counters(const struct chainrun *chain);

#endif
