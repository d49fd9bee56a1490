/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a chain: the intention first, then what runs, then the rest. */
#include <errno.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/chain/build.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/registry/adoption.h"

int slot_chain_intend_detach(struct slot_chain *chain, bool keep_off, struct slot_reason *why,
			     struct slot_chain_before *ret_before)
{
	struct slot_chain_before before = slot_chain_remember(chain);
	char gone[8];
	int err;

	chain->current = NULL;
	chain->previous = NULL;
	chain->is_detached = keep_off;
	chain->watches = (struct slot_watches){ 0 };
	/* Programs that were adopted live nowhere but in the kernel. */
	slot_adoption_forget(&chain->overrides, gone, sizeof(gone));
	err = slot_chain_save(chain, why);
	if (err)
		/* Should the disk hold half of the news, this sets it right as well as it can. */
		slot_chain_cancel_detach(chain, &before, NULL);
	else
		*ret_before = before;
	return err;
}

int slot_chain_cancel_detach(struct slot_chain *chain, const struct slot_chain_before *before,
			     struct slot_reason *why)
{
	slot_chain_restore(chain, before);
	return slot_chain_save(chain, why);
}

int slot_chain_finish_detach(struct slot_chain *chain, const struct slot_chain_before *before,
			     struct slot_reason *why)
{
	size_t i;
	int err;

	if (before->current)
		slot_chain_unlinked_say_left(chain);
	slot_chain_unlink(chain);
	SLOT_FAULT("detach.unlinked");
	slot_chain_clsact_leave(chain);
	/* The totals go with the folder: nothing is added to them any more. */
	slot_chain_drop(chain, before->current);
	slot_chain_drop(chain, before->previous);
	for (i = 0; i < SLOT_UNFOLDED_MAX; i++)
		slot_chain_drop(chain, TAKE_PTR(chain->unfolded[i]));
	chain->unfolded_reason.text[0] = '\0';
	slot_program_cache_clear(&chain->cache);
	if (chain->totals_fd >= 0)
		close(chain->totals_fd);
	chain->totals_fd = -1;
	err = slot_pin_remove_all(chain->dir);
	if (err)
		return slot_reason_set(why, err, "the chain is off '%s', but '%s' remains: %s",
				       chain->interface, chain->dir, strerror(-err));
	return 0;
}

int slot_chain_detach(struct slot_chain *chain, bool keep_off, struct slot_reason *why)
{
	struct slot_chain_before before;
	int err = slot_chain_intend_detach(chain, keep_off, why, &before);

	return err ? err : slot_chain_finish_detach(chain, &before, why);
}
