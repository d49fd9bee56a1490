/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was deployed, enabled or disabled beyond slots.conf. */
#include "loader/lib/registry/registry.h"

#include <errno.h>
#include <string.h>

#include "loader/lib/base/json.h"
#include "loader/lib/registry/canary.h"
#include "loader/lib/registry/object_json.h"

static struct slot_override *find_override(struct slot_overrides *overrides, const char *name)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		if (!strcmp(overrides->slots[i].name, name))
			return &overrides->slots[i];
	}
	return NULL;
}

const struct slot_override *slot_override_find(const struct slot_overrides *overrides,
					       const char *name)
{
	if (!name[0])
		return NULL;
	return find_override((struct slot_overrides *)overrides, name);
}

/* The override of @name, a new one where there is none, or NULL. */
static struct slot_override *take_override(struct slot_overrides *overrides, const char *name)
{
	struct slot_override *override = find_override(overrides, name);

	if (override)
		return override;
	override = find_override(overrides, "");
	if (!override)
		return NULL;
	*override = (struct slot_override){ .enabled = -1 };
	strncpy(override->name, name, sizeof(override->name) - 1);
	return override;
}

/* One that asks for nothing any more makes room for another. */
static void drop_if_idle(struct slot_override *override)
{
	if (!override->has_object && !override->canary.present && override->enabled < 0 &&
	    !override->is_adopted)
		*override = (struct slot_override){ 0 };
}

int slot_override_set_object(struct slot_overrides *overrides, const char *name,
			     const struct slot_object_id *object)
{
	struct slot_override *override;

	if (!name[0] || strlen(name) >= SLOT_NAME_MAX)
		return -EINVAL;
	override = take_override(overrides, name);
	if (!override)
		return object ? -ENOSPC : 0;
	if (!object && override->is_adopted) {
		*override = (struct slot_override){ 0 };
		return 0;
	}
	override->has_object = object;
	override->object = object ? *object : (struct slot_object_id){ 0 };
	drop_if_idle(override);
	return 0;
}

int slot_override_set_canary(struct slot_overrides *overrides, const char *name,
			     const struct slot_canary *canary)
{
	struct slot_override *override;

	if (!name[0] || strlen(name) >= SLOT_NAME_MAX)
		return -EINVAL;
	override = take_override(overrides, name);
	if (!override)
		return canary->present ? -ENOSPC : 0;
	override->canary = *canary;
	drop_if_idle(override);
	return 0;
}

int slot_override_set_enabled(struct slot_overrides *overrides, const char *name, int enabled)
{
	struct slot_override *override;

	if (!name[0] || strlen(name) >= SLOT_NAME_MAX)
		return -EINVAL;
	override = take_override(overrides, name);
	if (!override)
		return enabled < 0 ? 0 : -ENOSPC;
	override->enabled = enabled < 0 ? -1 : !!enabled;
	drop_if_idle(override);
	return 0;
}

static bool is_reserved(const struct slot_chain_state *state, const char *name)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		if (state->slots[slot].reserved && !strcmp(state->slots[slot].name, name))
			return true;
	}
	return false;
}

void slot_overrides_del_stale(struct slot_overrides *overrides,
			      const struct slot_chain_state *state)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		if (!is_reserved(state, overrides->slots[i].name))
			overrides->slots[i] = (struct slot_override){ 0 };
	}
}

bool slot_override_is_promoted(const struct slot_override *override, const struct slot_state *slot)
{
	return override->canary.present && slot->has_object &&
	       !strcmp(override->canary.object.sha256, slot->object.sha256);
}

void slot_overrides_del_promoted(struct slot_overrides *overrides,
				 const struct slot_chain_state *state)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_state *reserved = &state->slots[slot];
		struct slot_override *override =
			reserved->reserved ? find_override(overrides, reserved->name) : NULL;

		if (!override || !slot_override_is_promoted(override, reserved))
			continue;
		override->canary = (struct slot_canary){ 0 };
		drop_if_idle(override);
	}
}

static bool is_override_equal(const struct slot_override *a, const struct slot_override *b)
{
	return !strcmp(a->name, b->name) && a->has_object == b->has_object &&
	       a->enabled == b->enabled && slot_object_id_is_equal(&a->object, &b->object) &&
	       slot_canary_is_equal(&a->canary, &b->canary) && a->is_adopted == b->is_adopted &&
	       a->slot == b->slot;
}

bool slot_overrides_is_equal(const struct slot_overrides *a, const struct slot_overrides *b)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		if (!is_override_equal(&a->slots[i], &b->slots[i]))
			return false;
	}
	return true;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static json_t *override_to_json(const struct slot_override *override)
{
	json_t *json = json_pack("{s:s}", "name", override->name);
	int err = 0;

	if (override->has_object)
		err = json_object_set_new(json, "object",
					  slot_object_id_to_json(&override->object));
	if (!err && override->canary.present)
		err = json_object_set_new(json, "canary", slot_canary_to_json(&override->canary));
	if (!err && override->enabled >= 0)
		err = json_object_set_new(json, "enabled", json_boolean(override->enabled));
	if (!err && override->is_adopted)
		err = json_object_set_new(json, "adopted_in", json_integer(override->slot));
	if (err) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *slot_overrides_to_json(const struct slot_overrides *overrides)
{
	json_t *list = json_array();

	for (unsigned int i = 0; list && i < ROOT_SLOTS; i++) {
		if (!overrides->slots[i].name[0])
			continue;
		if (json_array_append_new(list, override_to_json(&overrides->slots[i]))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int override_from_json(const json_t *json, struct slot_reason *why,
			      struct slot_override *ret_override)
{
	struct slot_override override = { .enabled = -1 };
	bool is_enabled;
	int err;

	err = slot_json_get_text(json, "name", sizeof(override.name), why, override.name);
	if (!err && !override.name[0])
		err = slot_reason_set(why, -EINVAL, "'name' is empty");
	if (!err)
		err = slot_object_id_from_json(json, "object", why, &override.has_object,
					       &override.object);
	if (!err)
		err = slot_canary_from_json(json, why, &override.canary);
	if (!err && json_object_get(json, "enabled")) {
		err = slot_json_get_bool(json, "enabled", why, &is_enabled);
		override.enabled = err ? -1 : is_enabled;
	}
	if (!err && json_object_get(json, "adopted_in")) {
		err = slot_json_get_number(json, "adopted_in", ROOT_SLOTS, why, &override.slot);
		override.is_adopted = true;
	}
	if (!err)
		*ret_override = override;
	return err;
}

int slot_overrides_from_json(const json_t *json, struct slot_reason *why,
			     struct slot_overrides *ret_overrides)
{
	struct slot_overrides overrides = { 0 };
	json_t *item;
	size_t index;

	if (!json_is_array(json) || json_array_size(json) > ROOT_SLOTS)
		return slot_reason_set(why, -EINVAL, "overrides: an array of at most %d expected",
				       ROOT_SLOTS);
	json_array_foreach(json, index, item) {
		struct slot_override override;
		int err = override_from_json(item, why, &override);

		if (err)
			return slot_reason_prefix(why, err, "overrides[%zu]: ", index);
		if (slot_override_find(&overrides, override.name))
			return slot_reason_set(why, -EINVAL, "overrides[%zu]: '%s' is there twice",
					       index, override.name);
		overrides.slots[index] = override;
	}
	*ret_overrides = overrides;
	return 0;
}
