/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/adoption.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OWNER "root"
#define TAG_DIGITS 16

static bool is_name_taken(const struct slot_chain_config *chain,
			  const struct slot_overrides *overrides, const char *name)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		if (chain->slots[slot].present && !strcmp(chain->slots[slot].name, name))
			return true;
	}
	return slot_override_find(overrides, name);
}

/* A reservation's name out of a function's: "xdp_Filter" becomes "xdp_filter", or "xdp_filter-2". */
static void choose_name(const struct slot_chain_config *chain,
			const struct slot_overrides *overrides, const char *function,
			char ret_name[SLOT_NAME_MAX])
{
	char base[SLOT_NAME_MAX - 3] = "program"; /* room for "-20" */
	unsigned int number = 2;
	size_t len = 0;

	for (; function[len] && len < sizeof(base) - 1; len++) {
		char c = (char)tolower((unsigned char)function[len]);

		base[len] = isalnum((unsigned char)c) || c == '_' || c == '-' ? c : '_';
	}
	if (len)
		base[len] = '\0';
	snprintf(ret_name, SLOT_NAME_MAX, "%s", base);
	while (is_name_taken(chain, overrides, ret_name))
		snprintf(ret_name, SLOT_NAME_MAX, "%s-%u", base, number++ % 100);
}

static const struct slot_override *find_by_slot(const struct slot_overrides *overrides,
						unsigned int slot)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		if (overrides->slots[i].name[0] && overrides->slots[i].is_adopted &&
		    overrides->slots[i].slot == slot)
			return &overrides->slots[i];
	}
	return NULL;
}

static bool is_free(const struct slot_chain_config *chain, const struct slot_overrides *overrides,
		    unsigned int slot)
{
	return !chain->slots[slot].present && !find_by_slot(overrides, slot);
}

/* Its digest stands where other objects have the hash of their file: 48 zeros tell the two apart. */
static struct slot_object_id identify(const struct slot_adoptee *adoptee)
{
	struct slot_object_id id = { .is_adopted = true, .run = adoptee->run };
	size_t i;

	snprintf(id.name, sizeof(id.name), "%.*s", SLOT_NAME_MAX - 1,
		 *adoptee->name ? adoptee->name : "program");
	for (i = 0; i < sizeof(adoptee->tag); i++)
		snprintf(id.version + 2 * i, 3, "%02x", adoptee->tag[i]);
	memset(id.sha256, '0', SLOT_SHA256_SIZE - 1);
	memcpy(id.sha256 + SLOT_SHA256_SIZE - 1 - TAG_DIGITS, id.version, TAG_DIGITS);
	return id;
}

/* Overrides of names that nothing reserves any more only wait for them to come back. */
static void make_room(const struct slot_chain_config *chain, struct slot_overrides *overrides)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		struct slot_override *override = &overrides->slots[i];
		bool is_reserved = override->is_adopted;

		for (unsigned int slot = 0; slot < ROOT_SLOTS && !is_reserved; slot++)
			is_reserved = chain->slots[slot].present &&
				      !strcmp(chain->slots[slot].name, override->name);
		if (!is_reserved)
			*override = (struct slot_override){ 0 };
	}
}

/* There is room for it: at most one override for each of the slots. */
static struct slot_override *add_override(struct slot_overrides *overrides, const char *name,
					  unsigned int slot)
{
	struct slot_override *override = overrides->slots;

	while (override->name[0])
		override++;
	*override = (struct slot_override){ .enabled = -1, .is_adopted = true, .slot = slot };
	snprintf(override->name, sizeof(override->name), "%s", name);
	return override;
}

int slot_adoption_add(const struct slot_chain_config *chain, const struct slot_adoptee *adoptees,
		      size_t count, struct slot_overrides *overrides, struct slot_reason *why,
		      unsigned int *ret_slots)
{
	struct slot_overrides added = *overrides;
	unsigned int slot = 0;
	size_t placed = 0;

	make_room(chain, &added);
	for (; slot < ROOT_SLOTS && placed < count; slot++) {
		struct slot_override *override;
		char name[SLOT_NAME_MAX];

		if (!is_free(chain, &added, slot))
			continue;
		choose_name(chain, &added, adoptees[placed].name, name);
		override = add_override(&added, name, slot);
		override->has_object = true;
		override->object = identify(&adoptees[placed]);
		ret_slots[placed++] = slot;
	}
	if (placed < count)
		return slot_reason_set(why, -ENOSPC,
				       "%zu programs run on '%s', and slots.conf leaves %zu slots "
				       "free for them",
				       count, chain->interface, placed);
	*overrides = added;
	return 0;
}

static bool is_reserved_by_name(const struct slot_chain_config *chain, const char *name)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		if (chain->slots[slot].present && !strcmp(chain->slots[slot].name, name))
			return true;
	}
	return false;
}

int slot_adoption_check(const struct slot_chain_config *chain,
			const struct slot_overrides *overrides, struct slot_reason *why)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_override *adopted = find_by_slot(overrides, slot);

		if (!adopted || !chain->slots[slot].present ||
		    is_reserved_by_name(chain, adopted->name))
			continue;
		return slot_reason_set(why, -EEXIST,
				       "slot %u: it runs '%s', adopted from libxdp: name the "
				       "reservation so to keep it, or undeploy it first",
				       slot, adopted->name);
	}
	return 0;
}

int slot_adoption_check_limits(const struct slot_chain_state *state, struct slot_reason *why)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_state *adopted = &state->slots[slot];

		if (!slot_state_is_running(adopted) || !adopted->object.is_adopted ||
		    (!adopted->limits.has_helpers && !adopted->limits.map_memory))
			continue;
		return slot_reason_set(why, -EACCES,
				       "slot %u (%s): '%s' was adopted from libxdp as a loaded "
				       "program, which cannot be held against helpers and "
				       "map_memory in slots.conf: deploy its object",
				       slot, adopted->name, adopted->object.name);
	}
	return 0;
}

static void resolve_slot(const struct slot_override *override, struct slot_state *slot)
{
	*slot = (struct slot_state){
		.reserved = true,
		.is_adopted = true,
		.enabled = override->enabled != 0,
		.owner = OWNER,
		.canary = override->canary,
		.rules = ROOT_RULES_DEFAULT,
	};
	strcpy(slot->name, override->name);
	if (override->has_object)
		slot_state_set_object(slot, &override->object);
}

void slot_adoption_resolve(const struct slot_overrides *overrides, struct slot_chain_state *state)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_override *adopted = find_by_slot(overrides, slot);

		if (adopted && !state->slots[slot].reserved &&
		    !slot_chain_state_find(state, adopted->name))
			resolve_slot(adopted, &state->slots[slot]);
	}
}

void slot_adoption_return(const struct slot_chain_state *from_config,
			  const struct slot_chain_state *target, struct slot_overrides *overrides)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_state *wanted = &target->slots[slot];
		struct slot_override *override;

		if (!wanted->reserved || !wanted->is_adopted || from_config->slots[slot].reserved ||
		    slot_chain_state_find(from_config, wanted->name))
			continue;
		override = add_override(overrides, wanted->name, slot);
		override->has_object = wanted->has_object;
		override->object = wanted->object;
		override->canary = wanted->canary;
		override->enabled = wanted->enabled ? -1 : 0;
	}
}

void slot_adoption_forget(struct slot_overrides *overrides, char *ret_names, size_t size)
{
	size_t used = 0;

	*ret_names = '\0';
	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		struct slot_override *override = &overrides->slots[i];

		if (!override->name[0] || !override->has_object || !override->object.is_adopted)
			continue;
		if (used < size)
			used += (size_t)snprintf(ret_names + used, size - used, "%s%s (slot %u)",
						 used ? ", " : "", override->name, override->slot);
		*override = (struct slot_override){ 0 };
	}
}
