/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the chain share with each other and with nobody else. */
#ifndef SLOT_CHAIN_INTERNAL_H
#define SLOT_CHAIN_INTERNAL_H

#include "loader/lib/chain/chain.h"

#define SLOT_PIN_MAPS "maps"

/* Write down what the chain desires now. Returns 0 or -errno, says why. */
int slot_chain_save(const struct slot_chain *chain, struct slot_reason *why);

/*
 * Let this thread work in the chain's netns, until slot_netns_leave(@ret_home).
 * Returns 0 or -errno, says why.
 */
int slot_chain_enter(const struct slot_chain *chain, int *ret_home, struct slot_reason *why);

/* Attach @prog_fd to the chain's interface and pin the link. Returns 0 or -errno, says why. */
int slot_chain_attach(struct slot_chain *chain, int prog_fd, struct slot_reason *why);

/* Take the link away: unpinned first, closed last, so that the detach is over on return. */
void slot_chain_unlink(struct slot_chain *chain);

/*
 * Move the maps that the current generation brought to where the chain keeps
 * them, and make all of them their slot owner's: 0600 for a user, 0660 for a
 * group. Safe to repeat. Returns 0 or -errno, says why.
 */
int slot_chain_settle_maps(const struct slot_chain *chain, struct slot_reason *why);

/* Fold what @generation counted into the totals and remove it from kernel and disk; frees it. */
void slot_chain_retire(struct slot_chain *chain, struct slot_generation *generation);

#endif
