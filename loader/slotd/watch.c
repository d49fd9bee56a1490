/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/batch.h"
#include "loader/slotd/audit.h"
#include "loader/slotd/log.h"
#include "loader/slotd/ops_internal.h"

/* Goes on while the machine sleeps, and starts anew with a reboot, as counters do. */
static __u64 now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (__u64)ts.tv_sec;
}

static struct slot_watch_counts count(const struct slot_packets *packets)
{
	return (struct slot_watch_counts){
		.seen = packets->seen,
		.dropped = packets->verdicts[ROOT_COL_DROP],
		.aborted = packets->verdicts[ROOT_COL_ABORTED] + packets->verdicts[ROOT_COL_DENIED],
	};
}

/* Counters are read while packets pass: one may be behind another by a few. */
static __u64 subtract(__u64 from, __u64 what)
{
	return from > what ? from - what : 0;
}

static struct slot_watch_counts take_away(const struct slot_watch_counts *from,
					  const struct slot_watch_counts *what)
{
	return (struct slot_watch_counts){
		.seen = subtract(from->seen, what->seen),
		.dropped = subtract(from->dropped, what->dropped),
		.aborted = subtract(from->aborted, what->aborted),
	};
}

/* --- the beginning ------------------------------------------------------------------------- */

static int check_trial(const struct slot_chain *chain, const struct slot_state *desired,
		       unsigned int slot, struct slot_reason *why)
{
	const struct slot_state *runs = &chain->current->state.slots[slot];

	if (chain->current->counters_fd < 0)
		return slot_reason_set(why, -EINVAL,
				       "'%s' counts nothing (counters = false), so that slot %u "
				       "cannot be watched",
				       chain->interface, slot);
	if (!slot_state_is_running(runs))
		return slot_reason_set(why, -EINVAL,
				       "slot %u (%s) runs nothing that a watch could compare with "
				       "and go back to",
				       slot, desired->name);
	if (!desired->canary.present && !strcmp(runs->object.sha256, desired->object.sha256))
		return slot_reason_set(why, -EINVAL,
				       "slot %u (%s) runs this very object: there is nothing to "
				       "watch",
				       slot, desired->name);
	return 0;
}

/* What the canary did before it was watched: one that ran already counts on. */
static struct slot_watch_counts count_canary(const struct slot_chain *chain,
					     const struct slot_state *desired, unsigned int slot,
					     const struct slot_counters *all)
{
	const struct slot_canary *runs = &chain->current->state.slots[slot].canary;

	if (!runs->present || strcmp(runs->object.sha256, desired->canary.object.sha256) != 0)
		return (struct slot_watch_counts){ 0 };
	return count(&all->canaries[slot]);
}

int watch_begin(const struct slot_chain *chain, const struct slot_state *desired, unsigned int slot,
		const struct slot_watch_terms *terms, struct slot_reason *why,
		struct slot_watch *ret_watch)
{
	const bool is_canary = desired->canary.present;
	const struct slot_object_id *object = is_canary ? &desired->canary.object :
							  &desired->object;
	struct slot_watch watch = {
		.is_canary = is_canary,
		.generation = chain->next_number,
		.terms = *terms,
		.deadline_s = now_s() + terms->seconds,
	};
	struct slot_counters all;
	struct slot_counters current;
	int err = check_trial(chain, desired, slot, why);

	if (err)
		return err;
	err = slot_chain_counters(chain, &all);
	if (!err)
		err = slot_chain_counters_current(chain, &current);
	if (err)
		return slot_reason_set(why, err, "cannot read the counters: %s", strerror(-err));
	memcpy(watch.name, desired->name, sizeof(watch.name));
	memcpy(watch.sha256, object->sha256, sizeof(watch.sha256));
	watch.start = count(&all.slots[slot]);
	if (is_canary)
		watch.before = count_canary(chain, desired, slot, &all);
	else
		watch.before = count(&current.slots[slot]);
	/* A generation that is hardly older than the change says too little. */
	if (!is_canary && watch.before.seen < SLOT_WATCH_PACKETS_MIN)
		watch.before = watch.start;
	*ret_watch = watch;
	return 0;
}

static struct slot_watch *find_watch(struct slot_chain *chain, unsigned int slot)
{
	return (struct slot_watch *)slot_watches_find(&chain->watches,
						      chain->current->state.slots[slot].name);
}

void watch_start(struct slot_chain *chain, __u32 slots)
{
	struct slot_counters all;
	struct slot_counters current;
	struct slot_reason why;

	if (slot_chain_counters_current(chain, &current) || slot_chain_counters(chain, &all))
		return;
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		struct slot_watch *watch = slots & 1U << slot ? find_watch(chain, slot) : NULL;
		struct slot_watch_counts total = count(&all.slots[slot]);
		struct slot_watch_counts since = count(&current.slots[slot]);

		if (!watch)
			continue;
		watch->start = take_away(&total, &since);
		if (!watch->is_canary)
			continue;
		total = count(&all.canaries[slot]);
		since = count(&current.canaries[slot]);
		watch->before = take_away(&total, &since);
	}
	if (slot_chain_start_watches(chain, &why))
		log_error("%s", why.text);
}

/* --- the trial ----------------------------------------------------------------------------- */

static int find_slot(const struct slot_chain *chain, const char *name, unsigned int *ret_slot)
{
	const struct slot_state *slot = slot_chain_state_find(&chain->current->state, name);

	if (!slot)
		return -ENOENT;
	*ret_slot = (unsigned int)(slot - chain->current->state.slots);
	return 0;
}

/* What the watched version did, and what it is held against. */
static int compare(const struct slot_chain *chain, const struct slot_watch *watch,
		   unsigned int slot, struct slot_watch_counts *ret_before,
		   struct slot_watch_counts *ret_since)
{
	struct slot_watch_counts total;
	struct slot_counters counters;
	int err = slot_chain_counters(chain, &counters);

	if (err)
		return err;
	total = count(&counters.slots[slot]);
	total = take_away(&total, &watch->start);
	if (!watch->is_canary) {
		*ret_before = watch->before;
		*ret_since = total;
		return 0;
	}
	*ret_since = count(&counters.canaries[slot]);
	*ret_since = take_away(ret_since, &watch->before);
	*ret_before = take_away(&total, ret_since);
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
	if (err && now_s() < was.deadline_s)
		return;
	snprintf(note, sizeof(note), "slot %u (%s): %.12s %s after %llu s, since it %s", slot,
		 was.name, was.sha256,
		 err	       ? "could not be taken back" :
		 was.is_canary ? "was aborted" :
				 "was rolled back",
		 subtract(now_s() + was.terms.seconds, was.deadline_s), text);
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

	if (find_slot(chain, watch->name, &slot) || compare(chain, watch, slot, &before, &since))
		return;
	if (slot_watch_judge(&watch->terms, &before, &since, text, sizeof(text)))
		fail_trial(daemon, chain, watch, slot, text);
	else if (now_s() >= watch->deadline_s)
		pass_trial(chain, watch, slot, since.seen);
}

bool watch_is_needed(const struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->config.count; i++)
		if (is_watching(daemon->chains[i]))
			return true;
	return false;
}

void watch_tick(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->config.count; i++)
		for (unsigned int k = 0; k < ROOT_SLOTS && is_watching(daemon->chains[i]); k++)
			if (daemon->chains[i]->watches.slots[k].name[0])
				judge(daemon, daemon->chains[i],
				      &daemon->chains[i]->watches.slots[k]);
}

json_t *watch_to_json(const struct slot_chain *chain, unsigned int slot)
{
	const struct slot_watch *watch =
		slot_watches_find(&chain->watches, chain->current->state.slots[slot].name);
	struct slot_watch_counts before;
	struct slot_watch_counts since;
	json_t *json;

	if (!watch || compare(chain, watch, slot, &before, &since))
		return NULL;
	json = json_pack("{s:b, s:i, s:I, s:I, s:I, s:I}", "canary", (int)watch->is_canary,
			 "seconds", (int)watch->terms.seconds, "left",
			 (json_int_t)subtract(watch->deadline_s, now_s()), "seen",
			 (json_int_t)since.seen, "dropped", (json_int_t)since.dropped, "aborted",
			 (json_int_t)since.aborted);
	if (json && watch->terms.has_drop)
		json_object_set_new(json, "max_drop_ratio",
				    json_real(watch->terms.max_drop_ppm / 1e6));
	if (json && watch->terms.has_abort)
		json_object_set_new(json, "max_abort",
				    json_integer((json_int_t)watch->terms.max_abort));
	return json;
}
