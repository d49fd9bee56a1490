/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a generation: what it counted moves into the totals, the rest goes. */
#include <errno.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/internal.h"

void slot_chain_drop(const struct slot_chain *chain, struct slot_generation *generation)
{
	if (!generation)
		return;
	slot_generation_remove(chain->dir, generation->number, &chain->host->store,
			       chain->interface);
	slot_generation_free(generation);
}

static int fold(const struct slot_chain *chain, const struct slot_generation *generation)
{
	struct slot_fold fold = { .number = generation->number,
				  .counters_fd = generation->counters_fd,
				  .lineup = slot_generation_lineup(generation),
				  .current = slot_generation_lineup(chain->current) };

	if (generation->counters_fd < 0 || chain->totals_fd < 0)
		return 0;
	return slot_totals_fold(chain->totals_fd, &fold);
}

static void fold_late(struct slot_chain *chain)
{
	bool is_any_left = false;
	size_t i;

	for (i = 0; i < SLOT_UNFOLDED_MAX; i++) {
		if (chain->unfolded[i] && !fold(chain, chain->unfolded[i]))
			slot_chain_drop(chain, TAKE_PTR(chain->unfolded[i]));
		is_any_left |= chain->unfolded[i] != NULL;
	}
	if (!is_any_left)
		chain->unfolded_reason.text[0] = '\0';
}

/* Counters in a layout that this slotd does not know will not be folded by a second try. */
static bool keep(struct slot_chain *chain, struct slot_generation *generation, int err)
{
	size_t i;

	for (i = 0; err != -ENOTSUP && i < SLOT_UNFOLDED_MAX; i++) {
		if (chain->unfolded[i])
			continue;
		chain->unfolded[i] = generation;
		slot_reason_set(&chain->unfolded_reason, 0,
				"what generation %u counted cannot be added to the totals (%s): it "
				"is kept, and added at the next change or start",
				generation->number, strerror(-err));
		return true;
	}
	return false;
}

int slot_chain_retire(struct slot_chain *chain, struct slot_generation *generation,
		      struct slot_reason *why)
{
	int err;

	fold_late(chain);
	err = generation ? fold(chain, generation) : 0;
	if (err && keep(chain, generation, err))
		return slot_reason_set(why, -EAGAIN, "%s", chain->unfolded_reason.text);
	if (err)
		slot_reason_set(why, err,
				"what generation %u counted is lost, it cannot be added to the "
				"totals: %s",
				generation->number, strerror(-err));
	slot_chain_drop(chain, generation);
	return err;
}
