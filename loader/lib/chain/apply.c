/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing a chain: build the next generation, preflight, swap, record, retire. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loader/lib/chain/build.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/host/netns.h"
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

	if (chain->takeover)
		return slot_chain_replace_dispatcher(chain, to->root_fd, why);
	if (slot_chain_is_out_of_reach(chain))
		return slot_reason_set(why, -ENODEV,
				       "the network namespace of '%s' cannot be entered now: what "
				       "runs there is left as it is",
				       chain->interface);
	if (!slot_chain_is_attached(chain)) {
		slot_chain_unlink(chain);
		return slot_chain_attach(chain, to->root_fd, why);
	}
	err = slot_chain_move(chain, to->root_fd, from->root_fd);
	if (err == -EPERM)
		return slot_reason_set(why, err,
				       "'%s' no longer runs generation %u: someone "
				       "else changed it",
				       chain->interface, from->number);
	return err ? slot_reason_set(why, err, "cannot swap '%s' to generation %u: %s",
				     chain->interface, to->number, strerror(-err)) :
		     0;
}

/*
 * Back to what ran before the swap; the packets in between saw a whole chain
 * all the same. Returns 0 or -errno.
 */
static int undo_swap(struct slot_chain *chain, const struct slot_generation *to,
		     const struct slot_chain_before *before)
{
	if (before->was_attached)
		return slot_chain_move(chain, before->current->root_fd, to->root_fd);
	if (chain->takeover)
		return slot_chain_return_dispatcher(chain);
	slot_chain_unlink(chain);
	return 0;
}

struct slot_chain_before slot_chain_remember(const struct slot_chain *chain)
{
	return (struct slot_chain_before){
		.current = chain->current,
		.previous = chain->previous,
		.overrides = chain->overrides,
		.watches = chain->watches,
		.is_detached = chain->is_detached,
		.was_attached = slot_chain_is_attached(chain),
	};
}

void slot_chain_restore(struct slot_chain *chain, const struct slot_chain_before *before)
{
	chain->current = before->current;
	chain->previous = before->previous;
	chain->overrides = before->overrides;
	chain->watches = before->watches;
	chain->is_detached = before->is_detached;
}

/*
 * Swap to @to and record it, or neither. Where the swap can be made but neither
 * recorded nor undone, @to stays: -ECANCELED, and why.
 */
static int swap_and_record(struct slot_chain *chain, struct slot_generation *to,
			   const struct slot_overrides *overrides,
			   const struct slot_chain_before *before, struct slot_reason *why,
			   struct slot_timing *timing)
{
	long long start = now_us();
	int err = swap(chain, to, before->current, why);

	if (err)
		return err;
	SLOT_FAULT("change.swapped");
	timing->swap_us = lap(&start);
	chain->current = to;
	chain->previous = before->current;
	chain->overrides = *overrides;
	chain->watches = to->watches;
	chain->is_detached = false;
	if (to->number >= chain->next_number)
		chain->next_number = to->number + 1;
	err = slot_chain_save(chain, why);
	timing->record_us = lap(&start);
	SLOT_FAULT("change.recorded");
	if (!err)
		return 0;
	if (undo_swap(chain, to, before))
		return slot_reason_prefix(why, -ECANCELED,
					  "generation %u runs, but is not recorded, and the way "
					  "back failed: ",
					  to->number);
	slot_chain_restore(chain, before);
	/* Should the disk hold half of the news, this sets it right as well as it can. */
	slot_chain_save(chain, NULL);
	return err;
}

/*
 * Where its packets will be: a program that looks up routes does so in the netns of its device.
 * Of sockets preflight has its own.
 */
static int run_preflight(struct slot_attempt *attempt, struct slot_reason *why)
{
	_cleanup_(slot_netns_leave) int home = -1;
	int err = slot_hook_is_sock(attempt->chain->hook) ?
			  0 :
			  slot_chain_enter(attempt->chain, &home, why);

	return err ? err : slot_preflight_run(attempt->generation, &attempt->outcome.warning, why);
}

static int build_generation(struct slot_attempt *attempt, const char *reason,
			    struct slot_reason *why)
{
	struct slot_timing *timing = &attempt->outcome.timing;
	struct slot_chain *chain = attempt->chain;
	long long start = now_us();
	int err = slot_attempt_stage(attempt, reason, why);

	if (!err)
		err = slot_attempt_open(attempt, why);
	timing->open_us = lap(&start);
	if (!err)
		err = slot_attempt_build(attempt, why);
	/* Before the test packets: they meet the maps as the first real packet will. */
	if (!err)
		err = slot_attempt_migrate(attempt, why);
	timing->build_us = lap(&start);
	if (!err)
		err = run_preflight(attempt, why);
	if (!err)
		err = slot_generation_write(attempt->generation, &chain->host->store,
					    chain->interface, why);
	timing->preflight_us = lap(&start);
	SLOT_FAULT("change.prepared");
	return err;
}

void slot_chain_plan(const struct slot_chain *chain, const struct slot_engine *engine,
		     const struct slot_chain_state *desired, struct slot_plan *ret_plan)
{
	bool is_attached = chain->current && slot_chain_is_attached(chain);

	slot_plan_make(is_attached ? &chain->current->state : NULL, desired, ret_plan);
	ret_plan->has_engine_change = is_attached && chain->current->engine != engine;
	ret_plan->has_root_change = is_attached && slot_chain_is_older(chain);
	ret_plan->has_changes |= ret_plan->has_engine_change || ret_plan->has_root_change;
}

/* Orders for the maps of a slot that will not run would be lost without a word. */
static int plan_map_orders(struct slot_attempt *attempt, const struct slot_map_orders *orders,
			   struct slot_reason *why)
{
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		if (slot_map_orders_is_empty(&orders[slot]))
			continue;
		if (!slot_state_is_running(&attempt->desired.slots[slot]))
			return slot_reason_set(why, -EINVAL,
					       "slot %u would not run after this change: its maps "
					       "cannot be reset or migrated now",
					       slot);
		slot_plan_add_map_orders(&attempt->outcome.plan, slot, &orders[slot]);
	}
	return 0;
}

static int refuse_newer(const struct slot_chain *chain, struct slot_reason *why)
{
	char what[64] = "its totals are of a later version";

	if (!chain->has_newer_totals)
		snprintf(what, sizeof(what), "root ABI %u, this one knows up to %u",
			 chain->current->root_abi, ROOT_ABI_VERSION);
	return slot_reason_set(why, -EPERM,
			       "a newer slotd built what runs on '%s' (%s): start that one%s, or "
			       "detach the chain first",
			       chain->interface, what,
			       chain->previous ? ", go back with slotctl rollback" : "");
}

static int prepare(struct slot_attempt *attempt, const struct slot_change *change,
		   struct slot_reason *why)
{
	struct slot_chain *chain = attempt->chain;
	bool is_attached = slot_chain_is_attached(chain);
	int err = slot_chain_state_copy(change->desired, &attempt->desired);

	if (err)
		return slot_reason_set(why, err, "out of memory");
	if (chain->current && slot_chain_is_newer(chain))
		return refuse_newer(chain, why);
	if (chain->unserved.text[0])
		return slot_reason_set(why, -ENOTSUP, "%s", chain->unserved.text);
	attempt->overrides = *change->overrides;
	slot_overrides_del_promoted(&attempt->overrides, &attempt->desired);
	attempt->watches = change->watches ? *change->watches : chain->watches;
	if (chain->current)
		slot_chain_state_set_former(&attempt->desired, &chain->current->state);
	/* Maps of the last change that could not be moved then must not be lost sight of now. */
	if (chain->current)
		err = slot_chain_settle_maps(chain, why);
	if (!err)
		err = slot_chain_repin(chain, why);
	if (err)
		return err;
	slot_chain_plan(chain, chain->engine, change->desired, &attempt->outcome.plan);
	if (change->map_orders)
		err = plan_map_orders(attempt, change->map_orders, why);
	if (err)
		return err;
	attempt->map_orders = change->map_orders;
	if (!attempt->outcome.plan.has_changes)
		return 0;
	if (!is_attached && !chain->ifindex)
		return slot_chain_refuse_absent(chain, why);
	return build_generation(attempt, change->reason, why);
}

int slot_chain_prepare(struct slot_chain *chain, const struct slot_change *change,
		       struct slot_reason *why, struct slot_attempt **ret_attempt)
{
	struct slot_attempt *attempt = calloc(1, sizeof(*attempt));
	long long start = now_us();
	int err;

	if (!attempt)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	attempt->chain = chain;
	err = prepare(attempt, change, why);
	attempt->outcome.timing.total_us = lap(&start);
	if (err) {
		slot_chain_finish(attempt, NULL);
		return err;
	}
	*ret_attempt = attempt;
	return 0;
}

static bool has_news(const struct slot_attempt *attempt)
{
	return !slot_overrides_is_equal(&attempt->chain->overrides, &attempt->overrides) ||
	       !slot_watches_is_equal(&attempt->chain->watches, &attempt->watches);
}

/* Nothing to build, but what was asked for is written down. */
static int save_news(struct slot_attempt *attempt, struct slot_reason *why)
{
	struct slot_chain *chain = attempt->chain;
	int err;

	/* The number goes with its watches: those of the next generation are no part of them. */
	if (!slot_watches_is_equal(&chain->watches, &attempt->watches))
		chain->next_number++;
	chain->overrides = attempt->overrides;
	chain->watches = attempt->watches;
	err = slot_chain_save(chain, why);
	if (err)
		slot_chain_restore(chain, &attempt->before);
	return err;
}

int slot_chain_commit(struct slot_attempt *attempt, struct slot_reason *why)
{
	struct slot_chain *chain = attempt->chain;
	long long start = now_us();
	int err = 0;

	attempt->before = slot_chain_remember(chain);
	if (attempt->generation) {
		err = swap_and_record(chain, attempt->generation, &attempt->overrides,
				      &attempt->before, why, &attempt->outcome.timing);
		attempt->was_swapped = attempt->outcome.timing.swap_us > 0;
	} else if (has_news(attempt)) {
		err = save_news(attempt, why);
	}
	attempt->outcome.timing.total_us += lap(&start);
	attempt->is_committed = !err || err == -ECANCELED;
	return err;
}

int slot_chain_revert(struct slot_attempt *attempt, struct slot_reason *why)
{
	struct slot_chain *chain = attempt->chain;
	int err = 0;

	if (!attempt->is_committed)
		return 0;
	if (attempt->generation)
		err = undo_swap(chain, attempt->generation, &attempt->before);
	if (err)
		return slot_reason_set(why, err, "'%s' cannot go back: %s", chain->interface,
				       strerror(-err));
	slot_chain_restore(chain, &attempt->before);
	attempt->is_committed = false;
	return slot_chain_save(chain, why);
}

static void settle(struct slot_attempt *attempt)
{
	struct slot_reason *warning = &attempt->outcome.warning;
	struct slot_chain *chain = attempt->chain;
	int err;

	slot_attempt_keep(attempt);
	/* Should this fail, the next change or start tries again: until then the pins are staged. */
	err = slot_chain_settle_maps(chain, warning);
	SLOT_FAULT("change.settled");
	if (slot_chain_retire(chain, attempt->before.previous, err ? NULL : warning) || err)
		slot_reason_prefix(warning, 0, "the change is in force, but: ");
	SLOT_FAULT("change.retired");
	attempt->outcome.is_changed = true;
}

/* An attached link keeps its mode and place: others would mean a moment without any chain. */
static void warn_of_mode(const struct slot_chain *chain, struct slot_outcome *outcome)
{
	if (outcome->warning.text[0])
		return;
	if (chain->order != chain->running_order && slot_chain_is_attached(chain)) {
		slot_reason_set(&outcome->warning, 0,
				"'%s' stays where it is among others: order = counts from the next "
				"attachment (slotctl detach, then slotctl apply)",
				chain->interface);
		return;
	}
	if (chain->wanted_mode == SLOT_ATTACH_AUTO) {
		outcome->warning = chain->mode_reason;
		return;
	}
	if (chain->mode != chain->wanted_mode && slot_chain_is_attached(chain))
		slot_reason_set(&outcome->warning, 0,
				"'%s' stays in %s mode: mode = %s counts from the next attachment "
				"(slotctl detach, then slotctl apply)",
				chain->interface, slot_attach_mode_name(chain->mode),
				slot_attach_mode_name(chain->wanted_mode));
}

void slot_chain_finish(struct slot_attempt *attempt, struct slot_outcome *ret_outcome)
{
	long long start = now_us();
	long long took;

	if (!attempt)
		return;
	if (attempt->generation && attempt->is_committed)
		settle(attempt);
	else
		slot_attempt_discard(attempt);
	took = lap(&start);
	attempt->outcome.timing.record_us += took;
	attempt->outcome.timing.total_us += took;
	warn_of_mode(attempt->chain, &attempt->outcome);
	if (ret_outcome)
		*ret_outcome = attempt->outcome;
	slot_chain_state_free(&attempt->desired);
	free(attempt);
}

int slot_chain_apply(struct slot_chain *chain, const struct slot_change *change,
		     struct slot_reason *why, struct slot_outcome *ret_outcome)
{
	struct slot_attempt *attempt = NULL;
	int err = slot_chain_prepare(chain, change, why, &attempt);

	if (err)
		return err;
	err = slot_chain_commit(attempt, why);
	slot_chain_finish(attempt, err ? NULL : ret_outcome);
	return err;
}

int slot_chain_renew(struct slot_chain *chain, struct slot_reason *why,
		     struct slot_outcome *ret_outcome)
{
	const struct slot_engine *engine = chain->engine;
	struct slot_change change = { .desired = &chain->current->state,
				      .overrides = &chain->overrides };
	char reason[96];
	int err;

	snprintf(reason, sizeof(reason), "root of ABI %u, before %u", ROOT_ABI_VERSION,
		 chain->current->root_abi);
	change.reason = reason;
	/* What slots.conf came to say of the engine waits for an apply, as the rest of it does. */
	chain->engine = chain->current->engine;
	err = slot_chain_apply(chain, &change, why, ret_outcome);
	chain->engine = engine;
	return err;
}

/* What runs now is what the generation that comes back has run before it. */
static int note_former(const struct slot_chain *chain, struct slot_reason *why)
{
	struct slot_generation *to = chain->previous;

	slot_chain_state_set_former(&to->state, &chain->current->state);
	to->watches = chain->watches;
	slot_watches_del_over(&to->watches, &to->state);
	return slot_generation_write(to, &chain->host->store, chain->interface, why);
}

int slot_chain_rollback(struct slot_chain *chain, const struct slot_overrides *overrides,
			struct slot_reason *why, struct slot_outcome *ret_outcome)
{
	struct slot_outcome outcome = { .is_changed = true, .is_swap_only = true };
	struct slot_chain_before before = slot_chain_remember(chain);
	long long start = now_us();
	int err;

	if (!before.previous || !before.current)
		return slot_reason_set(why, -ENOENT,
				       "'%s' has no previous generation to go back to",
				       chain->interface);
	slot_plan_make(&before.current->state, &before.previous->state, &outcome.plan);
	err = slot_chain_settle_maps(chain, why);
	if (!err)
		err = slot_chain_repin(chain, why);
	if (!err)
		err = note_former(chain, why);
	if (err)
		return err;
	err = swap_and_record(chain, before.previous, overrides, &before, why, &outcome.timing);
	if (err)
		return err;
	slot_chain_settle_maps(chain, NULL);
	outcome.timing.total_us = lap(&start);
	*ret_outcome = outcome;
	return 0;
}
