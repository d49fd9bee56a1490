/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/deploy.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/json.h"
#include "loader/lib/registry/canary.h"

#define PPM_PER_PERCENT 10000

/* What is not known would not be done: a misspelt limit must not pass for none. */
static int check_members(const json_t *object, const char *const *known, struct slot_reason *why)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (!known[i])
			return slot_reason_set(why, -EINVAL, "'%.64s' means nothing here", key);
	}
	return 0;
}

/* A number in the unit of @scale parts, rounded to parts, above 0 or not below. */
static int get_parts(const json_t *json, const char *name, double scale, bool has_zero,
		     double *ret_parts)
{
	const json_t *member = json_object_get(json, name);
	double parts = json_is_number(member) ? json_number_value(member) * scale : NAN;

	if (!(parts >= 0) || parts > SLOT_SHARE_PPM_MAX || (!has_zero && parts < 1))
		return -EINVAL;
	*ret_parts = floor(parts + 0.5);
	return 0;
}

/* --- canary -------------------------------------------------------------------------------- */

static int parse_cpus(const json_t *json, struct slot_reason *why, struct slot_canary *canary)
{
	char cpus[SLOT_CANARY_TEXT_MAX];
	int err = slot_json_get_text(json, "cpus", sizeof(cpus), why, cpus);

	if (!err && slot_cpus_parse(cpus, &canary->cpus))
		err = slot_reason_set(why, -EINVAL,
				      "'cpus': a list like 0-3,7 of CPUs 0 to 63 expected");
	return err;
}

static int parse_canary(const json_t *json, struct slot_reason *why, struct slot_canary *ret_canary)
{
	static const char *const known[] = { "percent", "cpus", NULL };
	struct slot_canary canary = { .present = true };
	json_t *member;
	double ppm;
	int err;

	if (!json_object_get(json, "canary"))
		return 0;
	err = slot_json_get(json, "canary", JSON_OBJECT, why, &member);
	if (!err)
		err = check_members(member, known, why);
	if (err)
		return err;
	if (json_object_size(member) != 1)
		return slot_reason_set(why, -EINVAL, "'canary': either percent or cpus expected");
	if (json_object_get(member, "cpus")) {
		err = parse_cpus(member, why, &canary);
	} else {
		err = get_parts(member, "percent", PPM_PER_PERCENT, false, &ppm);
		if (err || ppm >= SLOT_SHARE_PPM_MAX)
			return slot_reason_set(
				why, -EINVAL, "'percent': a number above 0 and below 100 expected");
		canary.share_ppm = (unsigned int)ppm;
	}
	if (!err)
		*ret_canary = canary;
	return err;
}

/* --- names of maps ------------------------------------------------------------------------- */

static int parse_names(const json_t *json, const char *key,
		       int (*add)(struct slot_map_orders *orders, const char *name,
				  struct slot_reason *why),
		       struct slot_reason *why, struct slot_map_orders *maps)
{
	json_t *list;
	json_t *item;
	size_t i;
	int err;

	if (!json_object_get(json, key))
		return 0;
	err = slot_json_get(json, key, JSON_ARRAY, why, &list);
	if (err)
		return err;
	if (!json_array_size(list) || json_array_size(list) > SLOT_ORDER_MAPS_MAX)
		return slot_reason_set(why, -EINVAL, "'%s': 1 to %d names of maps expected", key,
				       SLOT_ORDER_MAPS_MAX);
	json_array_foreach(list, i, item) {
		const char *name = json_string_value(item);

		if (!name || strlen(name) != json_string_length(item))
			return slot_reason_set(why, -EINVAL, "'%s': names of maps expected", key);
		err = add(maps, name, why);
		if (err)
			return slot_reason_prefix(why, err, "'%s': ", key);
	}
	return 0;
}

/* --- slots --------------------------------------------------------------------------------- */

static bool is_file_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int parse_maps(const json_t *json, struct slot_reason *why, struct slot_order *order)
{
	struct slot_map_orders *maps = &order->maps;
	int err = parse_names(json, "reset_maps", slot_map_orders_add_reset, why, maps);

	if (!err)
		err = parse_names(json, "migrate_maps", slot_map_orders_add_migrate, why, maps);
	if (!err && order->canary.present && !slot_map_orders_is_empty(maps))
		err = slot_reason_set(
			why, -EINVAL,
			"a canary shares its maps with the version beside it, so that they cannot "
			"be reset or migrated: do that with a deploy that is no canary");
	return err;
}

static int parse_order(const json_t *json, struct slot_reason *why, struct slot_order *order)
{
	static const char *const known[] = { "slot",	   "name",	   "canary",
					     "reset_maps", "migrate_maps", NULL };
	int err = slot_json_get_number(json, "slot", ROOT_SLOTS, why, &order->slot);

	if (!err)
		err = check_members(json, known, why);
	if (!err)
		err = slot_json_get_text(json, "name", sizeof(order->name), why, order->name);
	if (!err && !is_file_name(order->name))
		err = slot_reason_set(why, -EINVAL, "'name': the object's file name expected");
	if (!err)
		err = parse_canary(json, why, &order->canary);
	return err ? err : parse_maps(json, why, order);
}

static int parse_orders(const json_t *json, struct slot_reason *why, struct slot_deploy *deploy)
{
	json_t *list;
	json_t *item;
	size_t i;
	int err = slot_json_get(json, "slots", JSON_ARRAY, why, &list);

	if (err)
		return err;
	if (!json_array_size(list) || json_array_size(list) > ROOT_SLOTS)
		return slot_reason_set(why, -EINVAL, "'slots': 1 to %d slots expected", ROOT_SLOTS);
	json_array_foreach(list, i, item) {
		struct slot_order *order = &deploy->orders[i];
		__u32 before = slot_deploy_slots(deploy);

		deploy->order_count = i + 1;
		err = parse_order(item, why, order);
		if (!err && before & 1U << order->slot)
			err = slot_reason_set(why, -EINVAL, "slot %u is there twice", order->slot);
		if (err)
			return slot_reason_prefix(why, err, "slots[%zu]: ", i);
	}
	return 0;
}

/* --- the watch ----------------------------------------------------------------------------- */

static int parse_limits(const json_t *json, struct slot_reason *why, struct slot_watch_terms *terms)
{
	const json_t *max_abort = json_object_get(json, "max_abort");
	double ppm = 0;

	terms->has_drop = json_object_get(json, "max_drop_ratio");
	if (terms->has_drop && get_parts(json, "max_drop_ratio", SLOT_SHARE_PPM_MAX, true, &ppm))
		return slot_reason_set(why, -EINVAL,
				       "'max_drop_ratio': a number from 0 to 1 expected");
	terms->max_drop_ppm = (unsigned int)ppm;
	terms->has_abort = max_abort;
	if (max_abort && (!json_is_integer(max_abort) || json_integer_value(max_abort) < 0))
		return slot_reason_set(why, -EINVAL, "'max_abort': a number of packets expected");
	terms->max_abort = (__u64)json_integer_value(max_abort);
	if (!terms->has_drop && !terms->has_abort)
		return slot_reason_set(why, -EINVAL, "max_drop_ratio or max_abort expected");
	return 0;
}

static int parse_watch(const json_t *json, struct slot_reason *why, struct slot_deploy *deploy)
{
	static const char *const known[] = { "seconds", "max_drop_ratio", "max_abort", NULL };
	struct slot_watch_terms *terms = &deploy->watch;
	json_t *member;
	int err;

	deploy->has_watch = json_object_get(json, "watch");
	if (!deploy->has_watch)
		return 0;
	err = slot_json_get(json, "watch", JSON_OBJECT, why, &member);
	if (err)
		return err;
	err = check_members(member, known, why);
	if (!err)
		err = slot_json_get_number(member, "seconds", SLOT_WATCH_SECONDS_MAX + 1, why,
					   &terms->seconds);
	if (!err && !terms->seconds)
		err = slot_reason_set(why, -EINVAL, "'seconds': at least 1 expected");
	if (!err)
		err = parse_limits(member, why, terms);
	return err ? slot_reason_prefix(why, err, "watch: ") : 0;
}

/* --- the whole ----------------------------------------------------------------------------- */

static int parse_deploy(const json_t *json, struct slot_reason *why, struct slot_deploy *deploy)
{
	static const char *const known[] = { "generation", "slots", "watch", NULL };
	int err = parse_orders(json, why, deploy);

	if (!err)
		err = check_members(json, known, why);
	if (!err)
		err = parse_watch(json, why, deploy);
	deploy->has_generation = json_object_get(json, "generation");
	if (!err && deploy->has_generation)
		err = slot_json_get_number(json, "generation", 0xffffffffU, why,
					   &deploy->generation);
	return err;
}

int slot_deploy_parse(const char *text, size_t size, struct slot_reason *why,
		      struct slot_deploy *ret_deploy)
{
	_cleanup_(slot_deploy_free) struct slot_deploy deploy = { 0 };
	_cleanup_json_ json_t *json = NULL;
	json_error_t error;
	int err;

	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return slot_reason_set(why, -EINVAL, "change: no JSON: %s", error.text);
	err = parse_deploy(json, why, &deploy);
	if (err)
		return slot_reason_prefix(why, err, "change: ");
	*ret_deploy = deploy;
	deploy = (struct slot_deploy){ 0 };
	return 0;
}

__u32 slot_deploy_slots(const struct slot_deploy *deploy)
{
	__u32 slots = 0;

	for (size_t i = 0; i < deploy->order_count; i++)
		slots |= 1U << deploy->orders[i].slot;
	return slots;
}

void slot_deploy_free(struct slot_deploy *deploy)
{
	for (size_t i = 0; i < deploy->order_count; i++)
		slot_map_orders_free(&deploy->orders[i].maps);
	*deploy = (struct slot_deploy){ 0 };
}

int slot_slots_parse(const char *text, __u32 *ret_slots)
{
	__u64 slots;

	if (slot_cpus_parse(text, &slots) || slots >> ROOT_SLOTS)
		return -EINVAL;
	*ret_slots = (__u32)slots;
	return 0;
}

/* One of them, which is written to. */
static int add_reset(char *item, struct slot_reason *why, struct slot_map_orders *maps)
{
	char *colon = strchr(item, ':');
	unsigned long slot;
	char *end;

	slot = strtoul(item, &end, 10);
	if (!colon || end != colon || *item < '0' || *item > '9' || slot >= ROOT_SLOTS)
		return slot_reason_set(why, -EINVAL,
				       "reset_maps '%.64s': SLOT:MAP expected, as in 2:seen, with "
				       "a slot from 0 to %d",
				       item, ROOT_SLOTS - 1);
	return slot_map_orders_add_reset(&maps[slot], colon + 1, why);
}

int slot_map_resets_parse(const char *text, struct slot_reason *why,
			  struct slot_map_orders *ret_maps)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy;
	size_t count = 0;
	char *item;
	int err = 0;

	if (!copy)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	while (!err && (item = strsep(&rest, ",")) != NULL) {
		if (count++ == SLOT_ORDER_MAPS_MAX)
			return slot_reason_set(why, -EINVAL, "reset_maps: at most %d maps expected",
					       SLOT_ORDER_MAPS_MAX);
		err = add_reset(item, why, ret_maps);
	}
	return err;
}
