/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/json.h"

#define PPM 1000000.0

static double drop_ratio(const struct slot_watch_counts *counts)
{
	return counts->seen < SLOT_WATCH_PACKETS_MIN ?
		       0 :
		       (double)counts->dropped / (double)counts->seen;
}

/* What the rate of @before explains of the aborts among as many packets as @since has. */
static double expected_aborts(const struct slot_watch_counts *before,
			      const struct slot_watch_counts *since)
{
	if (before->seen < SLOT_WATCH_PACKETS_MIN)
		return 0;
	return (double)before->aborted / (double)before->seen * (double)since->seen;
}

bool slot_watch_judge(const struct slot_watch_terms *terms, const struct slot_watch_counts *before,
		      const struct slot_watch_counts *since, char *ret_text, size_t size)
{
	double old_ratio = drop_ratio(before);
	double new_ratio = drop_ratio(since);
	double allowed = terms->max_drop_ppm / PPM;
	double expected = expected_aborts(before, since);

	if (terms->has_abort && (double)since->aborted > expected + (double)terms->max_abort) {
		snprintf(ret_text, size,
			 "aborted or denied %llu of %llu packets, where %.0f were to be expected "
			 "and %llu more are allowed",
			 since->aborted, since->seen, expected, terms->max_abort);
		return true;
	}
	if (terms->has_drop && new_ratio > old_ratio + allowed) {
		snprintf(
			ret_text, size,
			"drops %.4f of its packets (%llu of %llu), against %.4f before, where %.4f "
			"more are allowed",
			new_ratio, since->dropped, since->seen, old_ratio, allowed);
		return true;
	}
	return false;
}

/* --- those of a chain ---------------------------------------------------------------------- */

static struct slot_watch *find_watch(struct slot_watches *watches, const char *name)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++)
		if (!strcmp(watches->slots[i].name, name))
			return &watches->slots[i];
	return NULL;
}

const struct slot_watch *slot_watches_find(const struct slot_watches *watches, const char *name)
{
	return name[0] ? find_watch((struct slot_watches *)watches, name) : NULL;
}

bool slot_watches_has_any(const struct slot_watches *watches)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++)
		if (watches->slots[i].name[0])
			return true;
	return false;
}

int slot_watches_set(struct slot_watches *watches, const struct slot_watch *watch)
{
	struct slot_watch *place = find_watch(watches, watch->name);

	if (!place)
		place = find_watch(watches, "");
	if (!place)
		return -ENOSPC;
	*place = *watch;
	return 0;
}

/* What tells one deploy's watch from another's; counts and limits are not changed later. */
static bool is_watch_equal(const struct slot_watch *a, const struct slot_watch *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->sha256, b->sha256) &&
	       a->is_canary == b->is_canary && a->generation == b->generation;
}

bool slot_watches_is_equal(const struct slot_watches *a, const struct slot_watches *b)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++)
		if (!is_watch_equal(&a->slots[i], &b->slots[i]))
			return false;
	return true;
}

void slot_watches_del(struct slot_watches *watches, const char *name)
{
	struct slot_watch *watch = name[0] ? find_watch(watches, name) : NULL;

	if (watch)
		*watch = (struct slot_watch){ 0 };
}

static bool is_on_trial(const struct slot_watch *watch, const struct slot_chain_state *state)
{
	const struct slot_state *slot = slot_chain_state_find(state, watch->name);
	const struct slot_object_id *object;

	if (!slot || !slot_state_is_running(slot) || slot->canary.present != watch->is_canary)
		return false;
	object = watch->is_canary ? &slot->canary.object : &slot->object;
	return !strcmp(object->sha256, watch->sha256);
}

void slot_watches_del_over(struct slot_watches *watches, const struct slot_chain_state *state)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++)
		if (watches->slots[i].name[0] && !is_on_trial(&watches->slots[i], state))
			watches->slots[i] = (struct slot_watch){ 0 };
}

/* --- JSON ---------------------------------------------------------------------------------- */

static json_t *counts_to_json(const struct slot_watch_counts *counts)
{
	return json_pack("{s:I, s:I, s:I}", "seen", (json_int_t)counts->seen, "dropped",
			 (json_int_t)counts->dropped, "aborted", (json_int_t)counts->aborted);
}

static json_t *watch_to_json(const struct slot_watch *watch)
{
	const struct slot_watch_terms *terms = &watch->terms;
	json_t *json = json_pack("{s:s, s:s, s:b, s:I, s:i, s:I, s:o, s:o}", "name", watch->name,
				 "sha256", watch->sha256, "canary", (int)watch->is_canary,
				 "generation", (json_int_t)watch->generation, "seconds",
				 (int)terms->seconds, "deadline", (json_int_t)watch->deadline_s,
				 "before", counts_to_json(&watch->before), "start",
				 counts_to_json(&watch->start));
	int err = json ? 0 : -ENOMEM;

	if (!err && terms->has_drop)
		err = json_object_set_new(json, "max_drop_ppm", json_integer(terms->max_drop_ppm));
	if (!err && terms->has_abort)
		err = json_object_set_new(json, "max_abort",
					  json_integer((json_int_t)terms->max_abort));
	if (!err)
		return json;
	json_decref(json);
	return NULL;
}

json_t *slot_watches_to_json(const struct slot_watches *watches)
{
	json_t *list = json_array();

	for (unsigned int i = 0; list && i < ROOT_SLOTS; i++) {
		if (!watches->slots[i].name[0])
			continue;
		if (json_array_append_new(list, watch_to_json(&watches->slots[i]))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int get_count(const json_t *json, const char *name, struct slot_reason *why,
		     __u64 *ret_count)
{
	json_t *member;
	int err = slot_json_get(json, name, JSON_INTEGER, why, &member);

	if (!err && json_integer_value(member) < 0)
		err = slot_reason_set(why, -EINVAL, "'%s': a count expected", name);
	if (!err)
		*ret_count = (__u64)json_integer_value(member);
	return err;
}

static int counts_from_json(const json_t *json, const char *name, struct slot_reason *why,
			    struct slot_watch_counts *ret_counts)
{
	json_t *member;
	int err = slot_json_get(json, name, JSON_OBJECT, why, &member);

	if (!err)
		err = get_count(member, "seen", why, &ret_counts->seen);
	if (!err)
		err = get_count(member, "dropped", why, &ret_counts->dropped);
	if (!err)
		err = get_count(member, "aborted", why, &ret_counts->aborted);
	return err;
}

static int terms_from_json(const json_t *json, struct slot_reason *why,
			   struct slot_watch_terms *terms)
{
	int err = slot_json_get_number(json, "seconds", SLOT_WATCH_SECONDS_MAX + 1, why,
				       &terms->seconds);

	terms->has_drop = json_object_get(json, "max_drop_ppm");
	terms->has_abort = json_object_get(json, "max_abort");
	if (!err && terms->has_drop)
		err = slot_json_get_number(json, "max_drop_ppm", 1000001, why,
					   &terms->max_drop_ppm);
	if (!err && terms->has_abort)
		err = get_count(json, "max_abort", why, &terms->max_abort);
	return err;
}

static int watch_from_json(const json_t *json, struct slot_reason *why,
			   struct slot_watch *ret_watch)
{
	struct slot_watch watch = { 0 };
	int err = slot_json_get_text(json, "name", sizeof(watch.name), why, watch.name);

	if (!err && !watch.name[0])
		err = slot_reason_set(why, -EINVAL, "'name' is empty");
	if (!err)
		err = slot_json_get_text(json, "sha256", sizeof(watch.sha256), why, watch.sha256);
	if (!err)
		err = slot_json_get_bool(json, "canary", why, &watch.is_canary);
	/* Records of earlier versions have none: that watch is alone. */
	if (!err && json_object_get(json, "generation"))
		err = slot_json_get_number(json, "generation", UINT_MAX, why, &watch.generation);
	if (!err)
		err = terms_from_json(json, why, &watch.terms);
	if (!err)
		err = get_count(json, "deadline", why, &watch.deadline_s);
	if (!err)
		err = counts_from_json(json, "before", why, &watch.before);
	if (!err)
		err = counts_from_json(json, "start", why, &watch.start);
	if (!err)
		*ret_watch = watch;
	return err;
}

int slot_watches_from_json(const json_t *json, struct slot_reason *why,
			   struct slot_watches *ret_watches)
{
	struct slot_watches watches = { 0 };
	json_t *item;
	size_t i;
	int err;

	if (json && (!json_is_array(json) || json_array_size(json) > ROOT_SLOTS))
		return slot_reason_set(why, -EINVAL, "watches: an array of at most %d expected",
				       ROOT_SLOTS);
	json_array_foreach(json, i, item) {
		err = watch_from_json(item, why, &watches.slots[i]);
		if (err)
			return slot_reason_prefix(why, err, "watches[%zu]: ", i);
	}
	*ret_watches = watches;
	return 0;
}
