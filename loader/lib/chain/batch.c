/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/batch.h"

#include <errno.h>
#include <stdlib.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/build.h"
#include "loader/lib/chain/internal.h"

int slot_batch_open(struct slot_chain *const *chains, size_t count, struct slot_batch *ret_batch)
{
	struct slot_batch_item *items = calloc(count + 1, sizeof(*items));
	size_t i;

	if (!items)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		items[i].chain = chains[i];
	ret_batch->items = items;
	ret_batch->count = count;
	return 0;
}

static struct slot_batch_item *find_item(const struct slot_batch *batch,
					 const struct slot_chain *chain)
{
	size_t i = 0;

	while (i < batch->count && batch->items[i].chain != chain)
		i++;
	return i < batch->count ? &batch->items[i] : NULL;
}

int slot_batch_prepare(struct slot_batch *batch, const struct slot_chain *chain,
		       const struct slot_change *change, struct slot_reason *why)
{
	struct slot_batch_item *item = find_item(batch, chain);
	int err;

	if (!item)
		return slot_reason_set(why, -EINVAL, "'%s' is no part of this change",
				       chain->interface);
	item->state = SLOT_BATCH_AWAY;
	if (slot_chain_is_out_of_reach(chain) || slot_chain_is_blocked(chain, NULL) ||
	    (!chain->ifindex && !slot_chain_is_attached(chain)))
		return 0;
	err = slot_chain_prepare(item->chain, change, why, &item->attempt);
	item->state = err ? SLOT_BATCH_REFUSED : SLOT_BATCH_BUILT;
	return err ? slot_reason_prefix(why, err, "%s: ", chain->interface) : 0;
}

static void revert(struct slot_batch *batch)
{
	struct slot_reason why;
	size_t i;

	for (i = batch->count; i-- > 0;) {
		struct slot_batch_item *item = &batch->items[i];

		if (item->state == SLOT_BATCH_DONE)
			item->state = slot_chain_revert(item->attempt, &why) ? SLOT_BATCH_STUCK :
									       SLOT_BATCH_REVERTED;
	}
}

/* An interface that comes begins with slots.conf; one that can be asked again has to be told. */
static void leave_away(struct slot_batch_item *item)
{
	struct slot_reason *warning = &item->outcome.warning;
	struct slot_chain *chain = item->chain;

	chain->has_missed = false;
	if (slot_chain_is_blocked(chain, warning))
		return;
	chain->has_missed = chain->ifindex != 0;
	if (chain->has_missed)
		slot_reason_set(warning, 0,
				"the network namespace of '%s' cannot be entered now; what runs "
				"there waits for it",
				chain->interface);
	else
		slot_chain_refuse_absent(chain, warning);
}

static void finish(struct slot_batch *batch, bool is_done)
{
	size_t i;

	for (i = 0; i < batch->count; i++) {
		struct slot_batch_item *item = &batch->items[i];

		slot_chain_finish(item->attempt, is_done ? &item->outcome : NULL);
		item->attempt = NULL;
		if (is_done && item->state == SLOT_BATCH_AWAY)
			leave_away(item);
	}
}

int slot_batch_commit(struct slot_batch *batch, struct slot_reason *why)
{
	size_t i;
	int err = 0;

	for (i = 0; i < batch->count && !err; i++) {
		struct slot_batch_item *item = &batch->items[i];

		if (!item->attempt)
			continue;
		err = slot_chain_commit(item->attempt, why);
		item->state = err == -ECANCELED ? SLOT_BATCH_STUCK :
			      err		? SLOT_BATCH_FAILED :
						  SLOT_BATCH_DONE;
		if (err)
			slot_reason_prefix(why, err, "%s: ", item->chain->interface);
	}
	if (err)
		revert(batch);
	finish(batch, !err);
	return err;
}

/* Record it for all of them, or take back what was recorded. */
static int intend_detach(struct slot_batch *batch, struct slot_chain_before *befores,
			 struct slot_reason *why)
{
	struct slot_batch_item *items = batch->items;
	size_t i;
	int err = 0;

	for (i = 0; i < batch->count && !err; i++) {
		err = slot_chain_intend_detach(items[i].chain, true, why, &befores[i]);
		items[i].state = err ? SLOT_BATCH_KEPT : SLOT_BATCH_DONE;
		if (err)
			slot_reason_prefix(why, err, "%s: ", items[i].chain->interface);
	}
	for (i = batch->count; err && i-- > 0;)
		items[i].state = items[i].state == SLOT_BATCH_DONE &&
						 slot_chain_cancel_detach(items[i].chain,
									  &befores[i], NULL) ?
					 SLOT_BATCH_DOOMED :
					 SLOT_BATCH_KEPT;
	return err;
}

int slot_batch_detach(struct slot_batch *batch, struct slot_reason *why)
{
	_cleanup_free_ struct slot_chain_before *befores =
		calloc(batch->count + 1, sizeof(*befores));
	size_t i;
	int err;

	if (!befores)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = intend_detach(batch, befores, why);
	for (i = 0; i < batch->count && !err; i++) {
		struct slot_batch_item *item = &batch->items[i];

		item->outcome.is_changed = true;
		if (!slot_chain_finish_detach(item->chain, &befores[i], &item->outcome.warning))
			item->outcome.warning = item->chain->left;
	}
	return err;
}

void slot_batch_close(struct slot_batch *batch)
{
	if (batch->items)
		finish(batch, false);
	free(batch->items);
	*batch = (struct slot_batch){ 0 };
}

bool slot_batch_has_stuck(const struct slot_batch *batch)
{
	size_t i;

	for (i = 0; i < batch->count; i++)
		if (batch->items[i].state == SLOT_BATCH_STUCK ||
		    batch->items[i].state == SLOT_BATCH_DOOMED)
			return true;
	return false;
}

const char *slot_batch_describe(const struct slot_batch_item *item)
{
	static const char *const words[] = {
		[SLOT_BATCH_UNTRIED] = "not tried",
		[SLOT_BATCH_AWAY] = "what it belongs to is not there, taken, or out of reach",
		[SLOT_BATCH_REFUSED] = "refused, not changed",
		[SLOT_BATCH_BUILT] = "built, not swapped in",
		[SLOT_BATCH_FAILED] = "not swapped in",
		[SLOT_BATCH_REVERTED] = "swapped in and back",
		[SLOT_BATCH_STUCK] = "swapped in, and the way back failed: it runs",
		[SLOT_BATCH_KEPT] = "not detached, it runs on",
		[SLOT_BATCH_DOOMED] = "it runs, recorded as detached: the next start takes it off",
		[SLOT_BATCH_DONE] = "changed",
	};

	return words[item->state];
}
