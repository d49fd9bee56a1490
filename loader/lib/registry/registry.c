/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/registry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/adoption.h"

static int resolve_slot(const struct slot_reservation *reservation,
			const struct slot_object_id *object, const struct slot_override *override,
			struct slot_state *ret_slot)
{
	struct slot_state slot = {
		.reserved = true,
		.enabled = reservation->enabled,
		.rules = reservation->rules,
		.limits = reservation->limits,
		.has_continue_on = reservation->has_continue_on,
	};

	strcpy(slot.name, reservation->name);
	strcpy(slot.owner, reservation->owner);
	if (reservation->program)
		snprintf(slot.program, sizeof(slot.program), "%s", reservation->program);
	if (object->sha256[0])
		slot_state_set_object(&slot, object);
	if (override && override->has_object)
		slot_state_set_object(&slot, &override->object);
	if (override && !slot_override_is_promoted(override, &slot))
		slot.canary = override->canary;
	if (override && override->enabled >= 0)
		slot.enabled = override->enabled;
	if (slot_settings_copy(&reservation->settings, &slot.settings))
		return -ENOMEM;
	*ret_slot = slot;
	return 0;
}

int slot_registry_resolve(const struct slot_chain_config *chain,
			  const struct slot_object_id objects[ROOT_SLOTS],
			  const struct slot_overrides *overrides,
			  struct slot_chain_state *ret_state)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state state = { 0 };

	state.counters = chain->counters;
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_reservation *reservation = &chain->slots[slot];

		if (!reservation->present)
			continue;
		if (resolve_slot(reservation, &objects[slot],
				 slot_override_find(overrides, reservation->name),
				 &state.slots[slot]))
			return -ENOMEM;
	}
	slot_adoption_resolve(overrides, &state);
	*ret_state = state;
	state = (struct slot_chain_state){ 0 };
	return 0;
}

static bool is_other_object(const struct slot_state *given, const struct slot_state *wanted)
{
	return wanted && wanted->has_object &&
	       (!given->has_object || strcmp(given->object.sha256, wanted->object.sha256) != 0);
}

/* What makes @wanted of the reservation @given; NULL: it was not reserved then. */
static int return_slot(const struct slot_state *given, const struct slot_state *wanted,
		       struct slot_overrides *overrides)
{
	bool is_enabled = wanted ? wanted->enabled : given->enabled;
	int err = 0;

	/* no override takes an object away: where none ran, the slot is disabled instead */
	if (given->has_object && !(wanted && wanted->has_object))
		is_enabled = false;
	if (is_other_object(given, wanted))
		err = slot_override_set_object(overrides, given->name, &wanted->object);
	if (!err && wanted && wanted->canary.present)
		err = slot_override_set_canary(overrides, given->name, &wanted->canary);
	if (!err && is_enabled != given->enabled)
		err = slot_override_set_enabled(overrides, given->name, is_enabled);
	return err;
}

int slot_registry_return(const struct slot_chain_state *from_config,
			 const struct slot_chain_state *target,
			 struct slot_overrides *ret_overrides)
{
	struct slot_overrides overrides = { 0 };

	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_state *given = &from_config->slots[slot];
		int err;

		if (!given->reserved)
			continue;
		err = return_slot(given, slot_chain_state_find(target, given->name), &overrides);
		if (err)
			return err;
	}
	slot_adoption_return(from_config, target, &overrides);
	*ret_overrides = overrides;
	return 0;
}
