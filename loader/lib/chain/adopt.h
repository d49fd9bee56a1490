/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adopting what a libxdp dispatcher runs: its programs, which are loaded
 * extensions, are linked into the stubs of a root of ours as well, and that root
 * replaces the dispatcher in one step. No program is loaded again.
 */
#ifndef SLOT_CHAIN_ADOPT_H
#define SLOT_CHAIN_ADOPT_H

#include "loader/lib/chain/chain.h"
#include "loader/lib/host/libxdp.h"

/*
 * slot_chain_has_dispatcher - whether the interface of the chain, which is not
 * attached, runs a libxdp dispatcher.
 */
bool slot_chain_has_dispatcher(const struct slot_chain *chain);

/* What is taken over, and where to. */
struct slot_takeover {
	const struct slot_libxdp *libxdp;
	unsigned int slots[SLOT_LIBXDP_PROGRAMS]; /* of each of its programs */
};

/*
 * slot_chain_adopt - bring the chain, which is not attached, to @change->desired in
 * place of the dispatcher of @takeover, then remove libxdp's pins. All or nothing,
 * as slot_chain_apply; -EPERM also when someone changed the dispatcher meanwhile,
 * -ENOTSUP for an engine other than freplace. Says why.
 */
int slot_chain_adopt(struct slot_chain *chain, const struct slot_change *change,
		     const struct slot_takeover *takeover, struct slot_reason *why,
		     struct slot_outcome *ret_outcome);

#endif
