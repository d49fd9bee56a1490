/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/state.h"

#include <errno.h>

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

bool slot_state_is_running(const struct slot_state *slot)
{
	return slot->reserved && slot->enabled && slot->has_object;
}
