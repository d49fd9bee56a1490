/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/state.h"

#include <errno.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/json.h"
#include "loader/lib/config/verdict.h"
#include "loader/lib/registry/canary.h"
#include "loader/lib/registry/limits_json.h"
#include "loader/lib/registry/object_json.h"

/* --- rules --------------------------------------------------------------------------------- */

static int rules_from_json(const json_t *json, struct slot_reason *why,
			   struct root_rules *ret_rules)
{
	char denied_as[SLOT_NAME_MAX];
	struct root_rules rules;
	int verdict;
	int err;

	err = slot_verdicts_from_json(json, "continue_on", ROOT_VERDICT_ALL, why,
				      &rules.continue_on);
	if (!err)
		err = slot_verdicts_from_json(json, "allow", ROOT_VERDICT_ALL | ROOT_ALLOW_SKIP,
					      why, &rules.allow);
	if (!err)
		err = slot_json_get_text(json, "denied_as", sizeof(denied_as), why, denied_as);
	if (err)
		return err;
	if (!(rules.allow & ROOT_VERDICT_ALL) || rules.continue_on & ~rules.allow)
		return slot_reason_set(why, -EINVAL,
				       "'allow': a verdict, and all of continue_on, expected");
	verdict = slot_verdict_parse(denied_as);
	if (verdict < 0 || verdict > ROOT_DENIED_AS_PASS)
		return slot_reason_set(why, -EINVAL, "'denied_as': aborted, drop or pass expected");
	rules.denied_as = verdict;
	*ret_rules = rules;
	return 0;
}

/* --- settings ------------------------------------------------------------------------------ */

static json_t *settings_to_json(const struct slot_settings *settings)
{
	json_t *json = json_object();

	for (size_t i = 0; json && i < settings->count; i++) {
		if (json_object_set_new(json, settings->items[i].key,
					json_string(settings->items[i].value))) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

static int settings_from_json(const json_t *json, struct slot_reason *why,
			      struct slot_settings *ret_settings)
{
	_cleanup_(slot_settings_free) struct slot_settings settings = { 0 };
	const char *key;
	json_t *object;
	json_t *value;
	int err = slot_json_get(json, "settings", JSON_OBJECT, why, &object);

	if (err)
		return err;
	json_object_foreach(object, key, value) {
		if (!json_is_string(value) ||
		    strlen(json_string_value(value)) != json_string_length(value))
			return slot_reason_set(why, -EINVAL, "'settings': '%s': a string expected",
					       key);
		if (slot_settings_add(&settings, key, json_string_value(value)))
			return slot_reason_set(why, -ENOMEM, "out of memory");
	}
	*ret_settings = settings;
	settings = (struct slot_settings){ 0 };
	return 0;
}

/* --- slots --------------------------------------------------------------------------------- */

/* What a slot has only at times. */
static int add_parts(json_t *json, const struct slot_state *slot)
{
	static const struct slot_limits none;
	int err = 0;

	if (!slot_limits_is_equal(&slot->limits, &none))
		err = json_object_set_new(json, "limits", slot_limits_to_json(&slot->limits));
	if (!err && slot->is_adopted)
		err = json_object_set_new(json, "adopted", json_true());
	if (!err && slot->has_object)
		err = json_object_set_new(json, "object", slot_object_id_to_json(&slot->object));
	if (!err && slot->canary.present)
		err = json_object_set_new(json, "canary", slot_canary_to_json(&slot->canary));
	if (!err && slot->has_former)
		err = json_object_set_new(json, "former", slot_object_id_to_json(&slot->former));
	return err;
}

static json_t *slot_to_json(unsigned int number, const struct slot_state *slot)
{
	json_t *json;

	json = json_pack("{s:i, s:s, s:s, s:b, s:s, s:b, s:o, s:o, s:s, s:o}", "slot", (int)number,
			 "name", slot->name, "owner", slot->owner, "enabled", slot->enabled,
			 "program", slot->program, "continue_on_given", slot->has_continue_on,
			 "continue_on", slot_verdicts_to_json(slot->rules.continue_on), "allow",
			 slot_verdicts_to_json(slot->rules.allow), "denied_as",
			 slot_verdict_name(slot->rules.denied_as), "settings",
			 settings_to_json(&slot->settings));
	if (add_parts(json, slot)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static int slot_from_json(const json_t *json, struct slot_reason *why, struct slot_state *ret_slot)
{
	/* Records of before it was written down: what runs, runs on. */
	struct slot_state slot = { .reserved = true, .has_continue_on = true };
	int err;

	err = slot_json_get_text(json, "name", sizeof(slot.name), why, slot.name);
	if (!err)
		err = slot_json_get_text(json, "owner", sizeof(slot.owner), why, slot.owner);
	if (!err)
		err = slot_json_get_text(json, "program", sizeof(slot.program), why, slot.program);
	if (!err)
		err = slot_json_get_bool(json, "enabled", why, &slot.enabled);
	if (!err)
		err = slot_object_id_from_json(json, "object", why, &slot.has_object, &slot.object);
	if (!err)
		err = slot_object_id_from_json(json, "former", why, &slot.has_former, &slot.former);
	if (!err)
		err = slot_canary_from_json(json, why, &slot.canary);
	if (!err && json_object_get(json, "continue_on_given"))
		err = slot_json_get_bool(json, "continue_on_given", why, &slot.has_continue_on);
	if (!err && json_object_get(json, "adopted"))
		err = slot_json_get_bool(json, "adopted", why, &slot.is_adopted);
	if (!err)
		err = rules_from_json(json, why, &slot.rules);
	if (!err)
		err = slot_limits_from_json(json, why, &slot.limits);
	if (!err && !slot.name[0])
		err = slot_reason_set(why, -EINVAL, "'name' is empty");
	if (!err)
		err = settings_from_json(json, why, &slot.settings);
	if (!err)
		*ret_slot = slot;
	return err;
}

json_t *slot_chain_state_to_json(const struct slot_chain_state *state)
{
	json_t *slots = json_array();

	for (unsigned int slot = 0; slots && slot < ROOT_SLOTS; slot++) {
		if (!state->slots[slot].reserved)
			continue;
		if (json_array_append_new(slots, slot_to_json(slot, &state->slots[slot]))) {
			json_decref(slots);
			return NULL;
		}
	}
	return json_pack("{s:b, s:o}", "counters", state->counters, "slots", slots);
}

static int add_slot_from_json(const json_t *json, struct slot_reason *why,
			      struct slot_chain_state *state)
{
	unsigned int number;
	int err = slot_json_get_number(json, "slot", ROOT_SLOTS, why, &number);

	if (err)
		return err;
	if (state->slots[number].reserved)
		return slot_reason_set(why, -EINVAL, "'slot': %u is there twice", number);
	return slot_from_json(json, why, &state->slots[number]);
}

int slot_chain_state_from_json(const json_t *json, struct slot_reason *why,
			       struct slot_chain_state *ret_state)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state state = { 0 };
	json_t *slots;
	json_t *item;
	size_t index;
	int err;

	err = slot_json_get_bool(json, "counters", why, &state.counters);
	if (!err)
		err = slot_json_get(json, "slots", JSON_ARRAY, why, &slots);
	if (err)
		return err;
	json_array_foreach(slots, index, item) {
		err = add_slot_from_json(item, why, &state);
		if (err)
			return slot_reason_prefix(why, err, "slots[%zu]: ", index);
	}
	*ret_state = state;
	state = (struct slot_chain_state){ 0 };
	return 0;
}
