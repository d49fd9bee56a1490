/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/loans.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/pins.h"

/* One map: the same behind both pins. */
struct slot_loan {
	const struct slot_chain *chain; /* the borrower's */
	unsigned int slot;
	__u32 id;
	char name[NAME_MAX + 1];
	char own[PATH_MAX], lent[PATH_MAX]; /* folders */
};

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int add_loan(struct slot_loans *loans, const struct slot_loan *loan)
{
	struct slot_loan *items =
		reallocarray(loans->items, loans->count + 1, sizeof(*loans->items));

	if (!items)
		return -ENOMEM;
	loans->items = items;
	items[loans->count++] = *loan;
	return 0;
}

/* Of a map that both have by name, but not in common, each has one of its own. */
static int find_maps(struct slot_loan *loan, struct slot_loans *loans)
{
	_cleanup_(close_dir) DIR *dir = opendir(loan->lent);
	const struct dirent *entry;
	int err = 0;

	while (dir && !err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		loan->id = slot_pin_map_id(loan->lent, entry->d_name);
		if (!loan->id || loan->id != slot_pin_map_id(loan->own, entry->d_name))
			continue;
		strcpy(loan->name, entry->d_name);
		err = add_loan(loans, loan);
	}
	return err;
}

static int find_of_chain(const struct slot_chain *lender, const struct slot_chain *chain,
			 struct slot_loans *loans)
{
	_cleanup_free_ struct slot_loan *loan = calloc(1, sizeof(*loan));
	int err = 0;

	if (!loan)
		return -ENOMEM;
	loan->chain = chain;
	for (loan->slot = 0; !err && loan->slot < ROOT_SLOTS; loan->slot++) {
		const struct slot_state *state = &chain->current->state.slots[loan->slot];
		enum slot_hook hook;

		if (!state->limits.maps_of[0] ||
		    !slot_lender_split(state->limits.maps_of, chain->hook, &hook) ||
		    hook != lender->hook ||
		    slot_chain_lender_dir(chain, state->limits.maps_of, loan->lent) ||
		    slot_pin_path(loan->own, chain->dir, SLOT_PIN_MAPS "/%s", state->name))
			continue;
		err = find_maps(loan, loans);
	}
	return err;
}

int slot_loans_find(const struct slot_chain *lender, struct slot_chain *const *chains, size_t count,
		    struct slot_loans *ret_loans)
{
	struct slot_loans loans = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		const struct slot_chain *chain = chains[i];

		if (chain && chain != lender && chain->current &&
		    chain->ifindex == lender->ifindex &&
		    chain->netns_cookie == lender->netns_cookie && chain->hook != lender->hook)
			err = find_of_chain(lender, chain, &loans);
	}
	if (err)
		slot_loans_free(&loans);
	else
		*ret_loans = loans;
	return err;
}

/* Not where the borrower was built anew meanwhile, or has gone. */
static bool is_stale(const struct slot_loan *loan)
{
	return slot_pin_map_id(loan->own, loan->name) == loan->id &&
	       slot_pin_map_id(loan->lent, loan->name) != loan->id;
}

void slot_loans_check(const struct slot_loans *loans, struct slot_reason *warning)
{
	const struct slot_loan *said = NULL;

	for (size_t i = 0; i < loans->count; i++) {
		const struct slot_loan *loan = &loans->items[i];
		const struct slot_state *state = &loan->chain->current->state.slots[loan->slot];

		if (!is_stale(loan) ||
		    (said && said->chain == loan->chain && said->slot == loan->slot))
			continue;
		said = loan;
		slot_reason_append(
			warning, 0,
			"%sslot %u (%s) of chain '%s' goes on with the map '%s' that '%s' had "
			"before; 'slotctl --chain %s disable %s', then enable, gives it the new one",
			warning->text[0] ? "; " : "", loan->slot, state->name,
			loan->chain->interface, loan->name, state->limits.maps_of,
			loan->chain->interface, state->name);
	}
}

void slot_loans_free(struct slot_loans *loans)
{
	free(loans->items);
	*loans = (struct slot_loans){ 0 };
}
