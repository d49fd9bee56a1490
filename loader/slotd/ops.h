/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations: what can be asked of slotd, whoever asks. Each becomes a desired
 * state and is carried out as one transaction.
 */
#ifndef SLOTD_OPS_H
#define SLOTD_OPS_H

#include "loader/lib/host/signing.h"
#include "loader/slotd/daemon.h"

/* One failed operation: what kind, the line to show, and more lines where several things are wrong. */
struct op_error {
	int err;
	struct slot_reason why;
	struct slot_reasons details;
};

void op_error_free(struct op_error *error);

/* One slot's part of a deploy. */
struct op_deploy {
	unsigned int slot;
	struct slot_blob blob;
	struct slot_signing signing; /* as sent along, or empty; whoever asks owns it */
	struct slot_canary canary;   /* its object is the blob; not present: a plain deploy */
	struct slot_map_orders maps;
};

struct op_deploys {
	const char *who;
	struct op_deploy items[ROOT_SLOTS]; /* each slot at most once */
	size_t count;
	const struct slot_watch_terms *watch; /* of all of them, or NULL */
};

void op_deploys_free(struct op_deploys *deploys);

/*
 * op_check_generation - refuse (-EBUSY) where another generation than @generation
 * runs: who asks has not seen what another writer did meanwhile.
 */
int op_check_generation(const struct slot_chain *chain, unsigned int generation,
			struct op_error *error);

/* op_plan - what op_apply would do, and warn of, without doing it; an empty @ret_warning: of nothing. */
int op_plan(const struct daemon *daemon, const struct slot_chain *chain, struct op_error *error,
	    struct slot_plan *ret_plan, struct slot_reason *ret_warning);

/* op_start - bring @chain, which is not attached, to the slots.conf in force. */
int op_start(struct daemon *daemon, struct slot_chain *chain, const char *who,
	     struct op_error *error, struct slot_outcome *ret_outcome);

/*
 * op_apply - read slots.conf again and bring @chain to its section there; other sections are
 * left alone. @maps: ROOT_SLOTS orders, borrowed.
 */
int op_apply(struct daemon *daemon, struct slot_chain *chain, const struct slot_map_orders *maps,
	     const char *who, struct op_error *error, struct slot_outcome *ret_outcome);

/*
 * op_reload - read slots.conf again and bring every chain to it, or none: all
 * are built before the first is swapped, and chains that were swapped before one
 * failed go back. @ret_outcomes: one per chain, free.
 */
int op_reload(struct daemon *daemon, const char *who, struct op_error *error,
	      struct slot_outcome **ret_outcomes);

/* op_what_stays - in words, what of @chain goes on when slots.conf names it no more. NULL: nothing. */
const char *op_what_stays(const struct slot_chain *chain);

/*
 * Changes of slots. They start from what runs, so nothing else changes, even if
 * slots.conf or an object file did meanwhile.
 *
 * op_deploy takes several slots: one generation, one swap, all or none. While a
 * canary runs in a slot only another canary can be deployed there.
 * op_canary_end makes the canary the slot's own version, or takes it away.
 * op_rollback_slot brings back what the slot ran before: one swap where the
 * previous generation differs in nothing else.
 * op_take_back does so for several slots, and ends the canaries of those that have one.
 */
int op_deploy(struct daemon *daemon, struct slot_chain *chain, const struct op_deploys *deploys,
	      struct op_error *error, struct slot_outcome *ret_outcome);
int op_canary_end(struct daemon *daemon, struct slot_chain *chain, unsigned int slot,
		  bool is_promoted, const char *who, struct op_error *error,
		  struct slot_outcome *ret_outcome);
int op_rollback_slot(struct daemon *daemon, struct slot_chain *chain, unsigned int slot,
		     const char *who, struct op_error *error, struct slot_outcome *ret_outcome);
int op_take_back(struct daemon *daemon, struct slot_chain *chain, __u32 slots, const char *who,
		 struct op_error *error, struct slot_outcome *ret_outcome);
int op_undeploy(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, const char *who,
		struct op_error *error, struct slot_outcome *ret_outcome);
int op_enable(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, bool is_enabled,
	      const char *who, struct op_error *error, struct slot_outcome *ret_outcome);

/*
 * op_check_former - refuse where what the slot ran before is not signed as its
 * reservation asks for now: who goes back at will is held to that. A rollback
 * that nobody asks for, of a watch, is not: it takes what was good until then.
 */
int op_check_former(const struct daemon *daemon, const struct slot_chain *chain, unsigned int slot,
		    struct op_error *error);

/* op_rollback - to the previous generation; the next apply keeps what it brought back. */
int op_rollback(struct daemon *daemon, struct slot_chain *chain, const char *who,
		struct op_error *error, struct slot_outcome *ret_outcome);

/*
 * op_adopt - take over the programs of the libxdp dispatcher on the interface of
 * @chain, which is not attached, into slots that slots.conf leaves free.
 */
int op_adopt(struct daemon *daemon, struct slot_chain *chain, const char *who,
	     struct op_error *error, struct slot_outcome *ret_outcome);

int op_detach(struct slot_chain *chain, struct op_error *error, struct slot_outcome *ret_outcome);

#endif
