/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing a chain: build the next generation, preflight, swap, record, retire. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "loader/lib/chain/build.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/chain/preflight.h"
#include "loader/lib/host/xdp.h"

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static long long lap(long long *start)
{
	long long now = now_us();
	long long took = now - *start;

	*start = now;
	return took;
}

/* The one step that packets notice. */
static int swap(struct slot_chain *chain, const struct slot_generation *to,
		const struct slot_generation *from, struct slot_reason *why)
{
	int err;

	if (!slot_chain_is_attached(chain)) {
		slot_chain_unlink(chain);
		return slot_chain_attach(chain, to->root_fd, why);
	}
	err = slot_xdp_swap(chain->link_fd, to->root_fd, from->root_fd);
	if (err == -EPERM)
		return slot_reason_set(why, err,
				       "the link of '%s' no longer runs generation %u: someone "
				       "else changed it",
				       chain->interface, from->number);
	return err ? slot_reason_set(why, err, "cannot swap '%s' to generation %u: %s",
				     chain->interface, to->number, strerror(-err)) :
		     0;
}

/* Back to what ran before the swap; the packets in between saw a whole chain all the same. */
static void undo_swap(struct slot_chain *chain, const struct slot_generation *to,
		      const struct slot_generation *from, bool was_attached)
{
	if (was_attached)
		slot_xdp_swap(chain->link_fd, from->root_fd, to->root_fd);
	else
		slot_chain_unlink(chain);
}

/* Make @to the current generation, in memory and on disk. On failure everything is as before. */
static int record(struct slot_chain *chain, struct slot_generation *to,
		  struct slot_generation *previous, const struct slot_overrides *overrides,
		  struct slot_reason *why)
{
	struct slot_chain before = *chain;
	int err;

	chain->current = to;
	chain->previous = previous;
	chain->overrides = *overrides;
	chain->is_detached = false;
	if (to->number >= chain->next_number)
		chain->next_number = to->number + 1;
	err = slot_chain_save(chain, why);
	if (err) {
		chain->current = before.current;
		chain->previous = before.previous;
		chain->overrides = before.overrides;
		chain->is_detached = before.is_detached;
		chain->next_number = before.next_number;
	}
	return err;
}

static int swap_and_record(struct slot_chain *chain, struct slot_generation *to,
			   const struct slot_overrides *overrides, struct slot_reason *why,
			   struct slot_timing *timing)
{
	bool was_attached = slot_chain_is_attached(chain);
	struct slot_generation *from = chain->current;
	long long start = now_us();
	int err = swap(chain, to, from, why);

	if (err)
		return err;
	timing->swap_us = lap(&start);
	err = record(chain, to, from, overrides, why);
	timing->record_us = lap(&start);
	if (err)
		undo_swap(chain, to, from, was_attached);
	return err;
}

static bool is_object_wanted(const char *sha256, void *data)
{
	const struct slot_chain *chain = data;
	const struct slot_generation *live[] = { chain->current, chain->previous };
	unsigned int slot;
	size_t i;

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		if (!strcmp(chain->overrides.slots[slot].object.sha256, sha256))
			return true;
		for (i = 0; i < 2; i++)
			if (live[i] && !strcmp(live[i]->state.slots[slot].object.sha256, sha256))
				return true;
	}
	return false;
}

bool slot_chain_has_object(const struct slot_chain *chain, const char *sha256)
{
	return is_object_wanted(sha256, (void *)chain);
}

static int build_and_swap(struct slot_attempt *attempt, struct slot_reason *why,
			  struct slot_timing *timing)
{
	struct slot_chain *chain = attempt->chain;
	long long start = now_us();
	int err = slot_attempt_stage(attempt, why);

	if (!err)
		err = slot_attempt_open(attempt, why);
	timing->open_us = lap(&start);
	if (!err)
		err = slot_attempt_build(attempt, why);
	timing->build_us = lap(&start);
	if (!err)
		err = slot_preflight_run(attempt->generation, why);
	if (!err)
		err = slot_generation_write(attempt->generation, &chain->host->store,
					    chain->interface, why);
	timing->preflight_us = lap(&start);
	if (!err)
		err = swap_and_record(chain, attempt->generation, attempt->change->overrides, why,
				      timing);
	return err;
}

/* Nothing to build, but what was asked for is written down. */
static int save_overrides(struct slot_chain *chain, const struct slot_overrides *overrides,
			  struct slot_reason *why)
{
	struct slot_overrides before = chain->overrides;
	int err;

	if (slot_overrides_is_equal(&before, overrides))
		return 0;
	chain->overrides = *overrides;
	err = slot_chain_save(chain, why);
	if (err)
		chain->overrides = before;
	return err;
}

int slot_chain_apply(struct slot_chain *chain, const struct slot_change *change,
		     struct slot_reason *why, struct slot_outcome *ret_outcome)
{
	struct slot_attempt attempt = { .chain = chain, .change = change };
	const struct slot_generation *current = chain->current;
	struct slot_generation *oldest = chain->previous;
	struct slot_outcome outcome = { 0 };
	bool is_attached = slot_chain_is_attached(chain);
	long long start = now_us();
	long long settling;
	int err;

	slot_plan_make(current && is_attached ? &current->state : NULL, change->desired,
		       &outcome.plan);
	if (!outcome.plan.has_changes) {
		err = save_overrides(chain, change->overrides, why);
		if (!err)
			*ret_outcome = outcome;
		return err;
	}
	if (!is_attached && !chain->ifindex)
		return slot_reason_set(why, -ENODEV, "interface '%s' is not there",
				       chain->interface);
	err = build_and_swap(&attempt, why, &outcome.timing);
	if (err) {
		slot_attempt_abandon(&attempt);
		return err;
	}
	settling = now_us();
	slot_attempt_settle(&attempt);
	slot_chain_retire(chain, oldest);
	outcome.timing.record_us += lap(&settling);
	outcome.timing.total_us = now_us() - start;
	outcome.is_changed = true;
	if (chain->mode == SLOT_ATTACH_GENERIC && chain->wanted_mode == SLOT_ATTACH_AUTO)
		slot_reason_set(&outcome.warning, 0,
				"'%s' runs XDP in generic mode: its driver takes no native one; "
				"packets cost several times more",
				chain->interface);
	*ret_outcome = outcome;
	return 0;
}

int slot_chain_rollback(struct slot_chain *chain, const struct slot_overrides *overrides,
			struct slot_reason *why, struct slot_outcome *ret_outcome)
{
	struct slot_outcome outcome = { .is_changed = true };
	long long start = now_us();
	int err;

	if (!chain->previous || !chain->current)
		return slot_reason_set(why, -ENOENT,
				       "'%s' has no previous generation to go back to",
				       chain->interface);
	slot_plan_make(&chain->current->state, &chain->previous->state, &outcome.plan);
	err = swap_and_record(chain, chain->previous, overrides, why, &outcome.timing);
	if (err)
		return err;
	slot_chain_settle_maps(chain, NULL);
	outcome.timing.total_us = now_us() - start;
	*ret_outcome = outcome;
	return 0;
}
