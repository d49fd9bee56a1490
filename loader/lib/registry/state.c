/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/state.h"

#include <errno.h>
#include <string.h>

bool slot_object_id_is_equal(const struct slot_object_id *a, const struct slot_object_id *b)
{
	return a->is_adopted == b->is_adopted && !strcmp(a->sha256, b->sha256) &&
	       !strcmp(a->name, b->name) && !strcmp(a->version, b->version);
}

void slot_chain_state_free(struct slot_chain_state *state)
{
	if (!state)
		return;
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++)
		slot_settings_free(&state->slots[slot].settings);
	*state = (struct slot_chain_state){ 0 };
}

int slot_chain_state_copy(const struct slot_chain_state *from, struct slot_chain_state *ret_to)
{
	struct slot_chain_state copy = *from;

	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++)
		copy.slots[slot].settings = (struct slot_settings){ 0 };
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		if (slot_settings_copy(&from->slots[slot].settings, &copy.slots[slot].settings)) {
			slot_chain_state_free(&copy);
			return -ENOMEM;
		}
	}
	*ret_to = copy;
	return 0;
}

const struct slot_state *slot_chain_state_find(const struct slot_chain_state *state,
					       const char *name)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		if (state->slots[slot].reserved && !strcmp(state->slots[slot].name, name))
			return &state->slots[slot];
	}
	return NULL;
}

static void set_former(struct slot_state *slot, const struct slot_state *was)
{
	bool is_other = was->has_object &&
			(!slot->has_object || strcmp(slot->object.sha256, was->object.sha256) != 0);

	slot->has_former = is_other || was->has_former;
	slot->former = is_other ? was->object : was->former;
}

void slot_chain_state_set_former(struct slot_chain_state *state,
				 const struct slot_chain_state *running)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		struct slot_state *one = &state->slots[slot];
		const struct slot_state *was =
			one->reserved ? slot_chain_state_find(running, one->name) : NULL;

		if (was)
			set_former(one, was);
	}
}

void slot_state_set_object(struct slot_state *slot, const struct slot_object_id *object)
{
	slot->has_object = true;
	slot->object = *object;
	if (slot->has_continue_on)
		return;
	slot->rules.continue_on = object->run.present ? object->run.continue_on :
							1U << ROOT_COL_PASS;
	slot->rules.continue_on &= slot->rules.allow;
}

bool slot_state_is_running(const struct slot_state *slot)
{
	return slot->reserved && slot->enabled && slot->has_object;
}

struct slot_state slot_state_version(const struct slot_state *slot, enum root_version version)
{
	struct slot_state view = *slot;

	if (version == ROOT_CANARY) {
		view.object = slot->canary.object;
		view.has_object = slot->canary.present;
	}
	view.canary = (struct slot_canary){ 0 };
	return view;
}
