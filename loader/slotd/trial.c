/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/batch.h"
#include "loader/slotd/audit.h"
#include "loader/slotd/log.h"
#include "loader/slotd/ops_internal.h"
#include "loader/slotd/watch.h"

static int find_slot(const struct slot_chain *chain, const char *name, unsigned int *ret_slot)
{
	const struct slot_state *slot = slot_chain_state_find(&chain->current->state, name);

	if (!slot)
		return -ENOENT;
	*ret_slot = (unsigned int)(slot - chain->current->state.slots);
	return 0;
}

static bool is_watching(const struct slot_chain *chain)
{
	return chain && chain->current && slot_watches_has_any(&chain->watches);
}

/* What a trial that fails takes back in one chain. */
struct group {
	struct slot_chain *chain;
	struct slot_watches watches; /* that are part of it */
	__u32 slots;
};

static void add_watch(struct group *group, const struct slot_watch *watch)
{
	unsigned int slot;

	if (find_slot(group->chain, watch->name, &slot))
		return;
	group->slots |= 1U << slot;
	slot_watches_set(&group->watches, watch);
}

/* What was deployed together with @failed stands and falls with it. */
static struct group find_group(struct slot_chain *chain, const struct slot_watch *failed)
{
	struct group group = { .chain = chain };

	add_watch(&group, failed);
	for (unsigned int i = 0; i < ROOT_SLOTS && failed->generation; i++)
		if (chain->watches.slots[i].name[0] &&
		    chain->watches.slots[i].generation == failed->generation)
			add_watch(&group, &chain->watches.slots[i]);
	return group;
}

/* The same trial on another port of the same bond, or NULL. */
static const struct slot_watch *find_twin(const struct slot_chain *chain,
					  const struct slot_chain *other,
					  const struct slot_watch *watch)
{
	const struct slot_watch *twin;

	if (!is_watching(other) || !chain->place.master[0] || !slot_chain_is_attached(other) ||
	    strcmp(chain->place.master, other->place.master) != 0 ||
	    strcmp(chain->place.netns, other->place.netns) != 0)
		return NULL;
	twin = slot_watches_find(&other->watches, watch->name);
	return twin && twin->is_canary == watch->is_canary && !strcmp(twin->sha256, watch->sha256) ?
		       twin :
		       NULL;
}

static size_t find_groups(const struct daemon *daemon, struct slot_chain *chain,
			  const struct slot_watch *failed, struct group *groups)
{
	size_t count = 0;

	groups[count++] = find_group(chain, failed);
	for (size_t i = 0; i < daemon->config.count; i++) {
		struct slot_chain *other = daemon->chains[i];
		const struct slot_watch *twin = other == chain ? NULL :
								 find_twin(chain, other, failed);

		if (twin)
			groups[count++] = find_group(other, twin);
	}
	return count;
}

/* All of them or none: what fails is tried again as a whole. */
static int take_back(struct daemon *daemon, const struct group *groups, size_t count,
		     struct op_error *error)
{
	struct slot_chain *chains[SLOT_CONFIG_CHAINS_MAX];
	struct slot_outcome outcome = { 0 };
	struct slot_batch batch;
	int err;

	if (count == 1)
		return op_take_back(daemon, groups[0].chain, groups[0].slots, "its watch", error,
				    &outcome);
	for (size_t i = 0; i < count; i++)
		chains[i] = groups[i].chain;
	err = slot_batch_open(chains, count, &batch);
	if (err)
		return slot_reason_set(&error->why, err, "out of memory");
	daemon->batch = &batch;
	for (size_t i = 0; i < count && !err; i++)
		err = op_take_back(daemon, chains[i], groups[i].slots, "its watch", error,
				   &outcome);
	daemon->batch = NULL;
	if (!err) {
		err = slot_batch_commit(&batch, &error->why);
		if (err)
			op_fail_batch(error, err, &batch);
	}
	for (size_t i = 0; i < count && !err; i++)
		op_log_outcome(chains[i], &batch.items[i].outcome, "rollback by its watch");
	slot_batch_close(&batch);
	slot_store_sweep(&daemon->host.store);
	return err;
}

static void end_group(const struct group *group, const char *note)
{
	struct slot_reason why;

	for (unsigned int i = 0; i < ROOT_SLOTS; i++)
		if (group->watches.slots[i].name[0] &&
		    slot_chain_end_watch(group->chain, group->watches.slots[i].name, note, &why))
			log_error("%s", why.text);
}

/* Who looks at a chain that had no fault of its own is told where it was. */
static void end_groups(const struct group *groups, size_t count, const char *note)
{
	char elsewhere[SLOT_WATCH_NOTE_MAX];

	end_group(&groups[0], note);
	snprintf(elsewhere, sizeof(elsewhere), "%s: %.400s", groups[0].chain->interface, note);
	for (size_t i = 1; i < count; i++)
		end_group(&groups[i], elsewhere);
}

/* Back to what ran before, and say why wherever somebody may look for it. */
static void fail_trial(struct daemon *daemon, struct slot_chain *chain,
		       const struct slot_watch *watch, unsigned int slot, const char *text)
{
	_cleanup_free_ struct group *groups = calloc(SLOT_CONFIG_CHAINS_MAX, sizeof(struct group));
	struct slot_watch was = *watch;
	size_t count = groups ? find_groups(daemon, chain, watch, groups) : 0;
	struct audit_deed deed = {
		.what = was.is_canary ? "watch aborts" : "watch rolls back",
		.cause = text,
		.chain = chain->interface,
		.slots = count ? groups[0].slots : 0,
	};
	struct op_error error = { 0 };
	struct audit_entry *entry = NULL;
	char note[SLOT_WATCH_NOTE_MAX];
	int err;

	if (!count)
		return;
	log_warning("%s: slot %u (%s): %s is taken back by its watch: it %s", chain->interface,
		    slot, was.name, was.is_canary ? "the canary" : "the new version", text);
	if (audit_begin(daemon, &deed, NULL, &entry))
		entry = NULL;
	err = take_back(daemon, groups, count, &error);
	audit_end(entry, err ? error.why.text : NULL);
	op_error_free(&error);
	/* It is tried again until the watch is over. */
	if (err && watch_elapsed_s(&was) < was.terms.seconds)
		return;
	snprintf(note, sizeof(note), "slot %u (%s): %.12s %s after %llu s, since it %s", slot,
		 was.name, was.sha256,
		 err	       ? "could not be taken back" :
		 was.is_canary ? "was aborted" :
				 "was rolled back",
		 watch_elapsed_s(&was), text);
	end_groups(groups, count, note);
}

/* Who asked for a ratio learns where too few packets came to tell one. */
static void pass_trial(struct slot_chain *chain, const struct slot_watch *watch, unsigned int slot,
		       __u64 seen)
{
	bool is_unjudged = watch->terms.has_drop && seen < SLOT_WATCH_PACKETS_MIN;
	struct slot_reason why;
	char name[SLOT_NAME_MAX];
	char note[SLOT_WATCH_NOTE_MAX];

	memcpy(name, watch->name, sizeof(name));
	log_info("%s: slot %u (%s): its watch of %u s is over: %s stays", chain->interface, slot,
		 name, watch->terms.seconds, watch->is_canary ? "the canary" : "the new version");
	snprintf(note, sizeof(note),
		 "slot %u (%s): %.12s stays after %u s, but its drops were not judged: it saw %llu "
		 "packets, and it takes %u",
		 slot, name, watch->sha256, watch->terms.seconds, seen, SLOT_WATCH_PACKETS_MIN);
	if (is_unjudged)
		log_warning("%s: %s", chain->interface, note);
	if (slot_chain_end_watch(chain, name, is_unjudged ? note : NULL, &why))
		log_error("%s", why.text);
}

static void judge(struct daemon *daemon, struct slot_chain *chain, const struct slot_watch *watch)
{
	struct slot_watch_counts before;
	struct slot_watch_counts since;
	unsigned int slot;
	char text[256];

	if (find_slot(chain, watch->name, &slot) ||
	    watch_compare(chain, watch, slot, &before, &since))
		return;
	if (slot_watch_judge(&watch->terms, &before, &since, text, sizeof(text)))
		fail_trial(daemon, chain, watch, slot, text);
	else if (watch_elapsed_s(watch) >= watch->terms.seconds)
		pass_trial(chain, watch, slot, since.seen);
}

bool trial_is_under_way(const struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->config.count; i++)
		if (is_watching(daemon->chains[i]))
			return true;
	return false;
}

void trial_tick(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->config.count; i++)
		for (unsigned int k = 0; k < ROOT_SLOTS && is_watching(daemon->chains[i]); k++)
			if (daemon->chains[i]->watches.slots[k].name[0])
				judge(daemon, daemon->chains[i],
				      &daemon->chains[i]->watches.slots[k]);
}
