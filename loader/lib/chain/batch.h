/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One change of several chains: all of them or none. Every chain is built and
 * tried before the first is swapped, so that most of what can be refused is
 * refused before any packet notices; chains that were swapped before one failed
 * go back. What became of each is kept, to be told chain by chain.
 */
#ifndef SLOT_BATCH_H
#define SLOT_BATCH_H

#include "loader/lib/chain/chain.h"

enum slot_batch_state {
	SLOT_BATCH_UNTRIED,
	SLOT_BATCH_AWAY,     /* what it belongs to is not there, taken or out of reach: waits */
	SLOT_BATCH_REFUSED,  /* it could not be built: packets met nothing of it */
	SLOT_BATCH_BUILT,    /* built and tried; packets did not meet it */
	SLOT_BATCH_FAILED,   /* it could not be swapped in */
	SLOT_BATCH_REVERTED, /* swapped in, and back */
	SLOT_BATCH_STUCK,    /* swapped in, and the way back failed: it runs */
	SLOT_BATCH_KEPT,     /* not detached */
	SLOT_BATCH_DOOMED,   /* not detached, and its record could not be taken back: it says so */
	SLOT_BATCH_DONE,
};

struct slot_batch_item {
	struct slot_chain *chain;
	struct slot_attempt *attempt;
	enum slot_batch_state state;
	struct slot_outcome outcome; /* once done */
};

struct slot_batch {
	struct slot_batch_item *items; /* in the order in which they are swapped */
	size_t count;
};

/*
 * slot_batch_open - a batch over @count chains, none of them tried yet. They have
 * to outlive it. @ret_batch: slot_batch_close. Returns 0 or -ENOMEM.
 */
int slot_batch_open(struct slot_chain *const *chains, size_t count, struct slot_batch *ret_batch);

/*
 * slot_batch_prepare - build @change for @chain, one of the batch; a chain whose
 * interface is away is passed over. Returns 0 or -errno, says why; the batch can
 * only be closed then.
 */
int slot_batch_prepare(struct slot_batch *batch, const struct slot_chain *chain,
		       const struct slot_change *change, struct slot_reason *why);

/*
 * slot_batch_commit - swap in all that was built. Returns 0, and each item has its
 * outcome; or -errno and why: none is swapped in then but those that are stuck.
 */
int slot_batch_commit(struct slot_batch *batch, struct slot_reason *why);

/*
 * slot_batch_detach - take all of them off their interfaces, as slot_chain_detach does
 * with keep_off: where that cannot be recorded for one of them, none is. Returns 0, and
 * each item has its outcome, with a warning where something stayed; or -errno and why.
 */
int slot_batch_detach(struct slot_batch *batch, struct slot_reason *why);

/* slot_batch_close - nothing stays of what was built and not swapped in. */
void slot_batch_close(struct slot_batch *batch);

/* slot_batch_has_stuck - whether a chain could not go back when the whole was refused. */
bool slot_batch_has_stuck(const struct slot_batch *batch);

/* slot_batch_describe - what became of an item, in words. Static. */
const char *slot_batch_describe(const struct slot_batch_item *item);

#endif
