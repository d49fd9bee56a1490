/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/state_case.h"

#include <stdio.h>
#include <string.h>

struct slot_object_id state_case_object(const char *name, char digit)
{
	struct slot_object_id object = { 0 };

	memset(object.sha256, digit, SLOT_SHA256_SIZE - 1);
	snprintf(object.name, sizeof(object.name), "%s", name);
	snprintf(object.version, sizeof(object.version), "1.0.%c", digit);
	return object;
}

struct slot_state *state_case_add(struct slot_chain_state *state, unsigned int slot,
				  const char *name, char digit)
{
	struct slot_state *added = &state->slots[slot];

	*added = (struct slot_state){
		.reserved = true,
		.enabled = true,
		.owner = "root",
		.rules = ROOT_RULES_DEFAULT,
	};
	snprintf(added->name, sizeof(added->name), "%s", name);
	if (digit) {
		added->has_object = true;
		added->object = state_case_object(name, digit);
	}
	return added;
}
