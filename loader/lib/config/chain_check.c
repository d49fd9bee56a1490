/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be said of a chain when its section is over. */
#include <stdio.h>
#include <string.h>

#include "loader/lib/config/value.h"

static void refuse_name(const struct slot_config_value *value, const char *accepted)
{
	slot_config_errors_add_value(value->errors, value->line, "chain", value->text, "%s",
				     accepted);
}

/* What only chains of other hooks can have. */
static void refuse_at_hook(const struct slot_config_value *value, const char *key,
			   const char *expected)
{
	char wrong[64];

	snprintf(wrong, sizeof(wrong), "not at the hook %s", slot_hook_name(value->chain->hook));
	slot_config_errors_add(value->errors, value->line, key, wrong, "%s", expected);
}

/* The chain's name ends in its hook's. */
static bool is_hook_name(const char *interface)
{
	return !strcmp(interface, slot_hook_name(SLOT_HOOK_TC_INGRESS)) ||
	       !strcmp(interface, slot_hook_name(SLOT_HOOK_TC_EGRESS));
}

static void check_hook(const struct slot_config_value *value)
{
	const struct slot_chain_config *chain = value->chain;

	if (!slot_hook_is_tc(chain->hook)) {
		if (chain->order != SLOT_TC_LAST)
			refuse_at_hook(value, "order", "last, or none");
		return;
	}
	if (chain->mode != SLOT_ATTACH_AUTO)
		refuse_at_hook(value, "mode", "auto, or none");
	if (chain->engine == SLOT_ENGINE_FREPLACE)
		refuse_at_hook(value, "engine", "fused, auto, or none");
	if (chain->has_members)
		refuse_at_hook(value, "members", "false, or none");
}

void slot_config_chain_check(const struct slot_config_value *value,
			     const struct slot_chain_config *chains, size_t count)
{
	const struct slot_config_world *world = value->world;
	struct slot_chain_config *chain = value->chain;
	const struct slot_place *place = &chain->place;

	if (!place->interface[0])
		return;
	if (is_hook_name(place->interface)) {
		refuse_name(value, "an interface that is not called like a hook");
		return;
	}
	check_hook(value);
	slot_chain_name_format(chain->hook, place->netns, place->interface, chain->interface);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(chains[i].interface, chain->interface) != 0)
			continue;
		slot_config_errors_add_value(value->errors, value->line, "chain", value->text,
					     "an interface and hook other than those of line %u",
					     chains[i].line);
		return;
	}
	if (place->netns[0] || chain->has_members || !world || !world->has_interface)
		return;
	if (!world->has_interface(place->interface, world->data))
		refuse_name(value, "an interface of this machine");
}
