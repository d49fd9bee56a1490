/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations: what can be asked of slotd, whoever asks. Each becomes a desired
 * state and is carried out as one transaction.
 */
#ifndef SLOTD_OPS_H
#define SLOTD_OPS_H

#include "loader/slotd/daemon.h"

/* One failed operation: what kind, the line to show, and more lines where several things are wrong. */
struct op_error {
	int err;
	struct slot_reason why;
	struct slot_reasons details;
};

void op_error_free(struct op_error *error);

/* op_plan - what op_apply would do, without doing it. */
int op_plan(const struct daemon *daemon, const struct slot_chain *chain, struct op_error *error,
	    struct slot_plan *ret_plan);

/* op_start - bring @chain, which is not attached, to the slots.conf in force. */
int op_start(struct daemon *daemon, struct slot_chain *chain, const char *who,
	     struct op_error *error, struct slot_outcome *ret_outcome);

/* op_apply - read slots.conf again and bring @chain to its section there; other sections are left alone. */
int op_apply(struct daemon *daemon, struct slot_chain *chain, const char *who,
	     struct op_error *error, struct slot_outcome *ret_outcome);

/*
 * op_reload - read slots.conf again and bring every chain to it, or none: all
 * are built before the first is swapped, and chains that were swapped before one
 * failed go back. @ret_outcomes: one per chain, free.
 */
int op_reload(struct daemon *daemon, const char *who, struct op_error *error,
	      struct slot_outcome **ret_outcomes);

/*
 * Changes of one slot. They start from what runs, so nothing else changes, even
 * if slots.conf or an object file did meanwhile.
 */
int op_deploy(struct daemon *daemon, struct slot_chain *chain, unsigned int slot,
	      const struct slot_blob *blob, const char *who, struct op_error *error,
	      struct slot_outcome *ret_outcome);
int op_undeploy(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, const char *who,
		struct op_error *error, struct slot_outcome *ret_outcome);
int op_enable(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, bool is_enabled,
	      const char *who, struct op_error *error, struct slot_outcome *ret_outcome);

/* op_rollback - to the previous generation; the next apply keeps what it brought back. */
int op_rollback(struct daemon *daemon, struct slot_chain *chain, struct op_error *error,
		struct slot_outcome *ret_outcome);

int op_detach(struct slot_chain *chain, struct op_error *error);

#endif
