/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Maps that slots of other chains of the interface use of a chain's slots (maps_of with a hook):
 * nobody rebuilds one chain for a change of another, so they go on with what they have.
 */
#ifndef SLOT_LOANS_H
#define SLOT_LOANS_H

#include "loader/lib/chain/chain.h"

struct slot_loan;

/* Zeroed: none. slot_loans_free. */
struct slot_loans {
	struct slot_loan *items;
	size_t count;
};

/*
 * slot_loans_find - what running slots of @chains use of @lender's maps as of now. Chains have to
 * live as long as the loans. Returns 0 or -ENOMEM.
 */
int slot_loans_find(const struct slot_chain *lender, struct slot_chain *const *chains, size_t count,
		    struct slot_loans *ret_loans);

/*
 * slot_loans_check - add to @warning who still uses what the lender has no more, and what brings
 * the new maps.
 */
void slot_loans_check(const struct slot_loans *loans, struct slot_reason *warning);

void slot_loans_free(struct slot_loans *loans);

#endif
