/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the operations share with each other and with nobody else. */
#ifndef SLOTD_OPS_INTERNAL_H
#define SLOTD_OPS_INTERNAL_H

#include "loader/lib/chain/batch.h"
#include "loader/slotd/ops.h"

/*
 * op_fail - one failure, one line: what error->why says and what that leaves of
 * @chain (NULL: of all chains, as they were), for the caller and for the log. Returns @err.
 */
int op_fail(struct op_error *error, int err, const struct slot_chain *chain);

/*
 * op_fail_batch - the same for a change of several chains; error->details says
 * of each what became of it.
 */
int op_fail_batch(struct op_error *error, int err, const struct slot_batch *batch);

/* op_fail_config - the same for what is wrong with slots.conf: error->details. */
int op_fail_config(const struct daemon *daemon, struct op_error *error, int err,
		   const struct slot_chain *chain);

/* op_fail_unnamed - slots.conf, as read now, has no chain of this interface. */
int op_fail_unnamed(struct op_error *error, const struct slot_chain *chain);

/* op_fail_idle - a change of slots is asked for, and nothing of @chain runs. Returns -ENOTCONN. */
int op_fail_idle(struct op_error *error, const struct slot_chain *chain);

/* op_log_outcome - what a change did to @chain. */
void op_log_outcome(const struct slot_chain *chain, const struct slot_outcome *outcome,
		    const char *what);

/*
 * op_warn_of_new - add to @warning which chains @config, slots.conf as read now, has that slotd
 * does not run yet: only a reload takes them.
 */
void op_warn_of_new(const struct daemon *daemon, const struct slot_config *config,
		    struct slot_reason *warning);

/* op_change_chain - one transaction on one chain, logged; or a part of daemon->batch, made with that. */
int op_change_chain(struct daemon *daemon, struct slot_chain *chain,
		    const struct slot_change *change, struct op_error *error,
		    struct slot_outcome *ret_outcome);

#endif
