/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/watch.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "loader/slotd/log.h"

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

/*
 * What the version that runs did: in this generation and, if it ran there too, in the
 * one before. What the slot counted earlier is other versions' doing, and may be that
 * of the one on trial, which would then be held against itself.
 */
static int count_before(const struct slot_chain *chain, unsigned int slot,
			struct slot_watch_counts *ret_before)
{
	const struct slot_generation *previous = chain->previous;
	struct slot_watch_counts earlier;
	struct slot_counters counters;
	int err = slot_chain_counters_current(chain, &counters);

	if (err)
		return err;
	*ret_before = count(&counters.slots[slot]);
	if (!previous || slot_chain_counters_previous(chain, &counters) ||
	    strcmp(previous->state.slots[slot].object.sha256,
		   chain->current->state.slots[slot].object.sha256) != 0)
		return 0;
	earlier = count(&counters.slots[slot]);
	ret_before->seen += earlier.seen;
	ret_before->dropped += earlier.dropped;
	ret_before->aborted += earlier.aborted;
	return 0;
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
	int err = check_trial(chain, desired, slot, why);

	if (err)
		return err;
	err = slot_chain_counters(chain, &all);
	if (!err && !is_canary)
		err = count_before(chain, slot, &watch.before);
	if (err)
		return slot_reason_set(why, err, "cannot read the counters: %s", strerror(-err));
	memcpy(watch.name, desired->name, sizeof(watch.name));
	memcpy(watch.sha256, object->sha256, sizeof(watch.sha256));
	watch.start = count(&all.slots[slot]);
	if (is_canary)
		watch.before = count_canary(chain, desired, slot, &all);
	*ret_watch = watch;
	return 0;
}

static struct slot_watch *find_watch(struct slot_chain *chain, unsigned int slot)
{
	return (struct slot_watch *)slot_watches_find(&chain->watches,
						      chain->current->state.slots[slot].name);
}

void watch_start(struct slot_chain *chain)
{
	struct slot_counters all;
	struct slot_counters current;
	struct slot_reason why;

	if (slot_chain_counters_current(chain, &current) || slot_chain_counters(chain, &all))
		return;
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		struct slot_watch *watch = find_watch(chain, slot);
		struct slot_watch_counts total = count(&all.slots[slot]);
		struct slot_watch_counts since = count(&current.slots[slot]);

		if (!watch || watch->generation != chain->current->number)
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

__u64 watch_elapsed_s(const struct slot_watch *watch)
{
	return subtract(now_s() + watch->terms.seconds, watch->deadline_s);
}

/* What the watched version did, and what it is held against. */
int watch_compare(const struct slot_chain *chain, const struct slot_watch *watch, unsigned int slot,
		  struct slot_watch_counts *ret_before, struct slot_watch_counts *ret_since)
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

json_t *watch_to_json(const struct slot_chain *chain, unsigned int slot)
{
	const struct slot_watch *watch =
		slot_watches_find(&chain->watches, chain->current->state.slots[slot].name);
	struct slot_watch_counts before;
	struct slot_watch_counts since;
	json_t *json;

	if (!watch || watch_compare(chain, watch, slot, &before, &since))
		return NULL;
	json = json_pack("{s:b, s:i, s:I, s:I, s:I, s:I}", "canary", (int)watch->is_canary,
			 "seconds", (int)watch->terms.seconds, "left",
			 (json_int_t)subtract(watch->terms.seconds, watch_elapsed_s(watch)), "seen",
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
