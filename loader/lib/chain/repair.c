/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pins of maps that somebody removed, made again from what runs. */
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/program/maps.h"
#include "loader/lib/program/program.h"

#define UNPINNED_MAX 64

/* What the pins of one slot lack. */
struct gap {
	const struct slot_state *slot;
	unsigned int number;
	struct slot_program *program; /* as the store has it, not loaded */
	char names[UNPINNED_MAX][SLOT_MAP_PIN_NAME_SIZE];
	size_t count;
};

static void close_gap(struct gap *gap)
{
	slot_program_free(gap->program);
}

/* False: none, or nobody can tell. What is adopted has no object, and its maps no pins. */
static bool find_gap(const struct slot_chain *chain, unsigned int number, struct gap *ret_gap)
{
	const struct slot_state *slot = &chain->current->state.slots[number];
	struct slot_blob blob;
	char dir[PATH_MAX];
	int err;

	if (!slot_state_is_running(slot) || !slot->has_object || slot->object.is_adopted ||
	    slot_pin_path(dir, chain->dir, SLOT_PIN_MAPS "/%s", slot->name) ||
	    slot_store_get(&chain->host->store, slot->object.sha256, slot->object.name, NULL,
			   &blob))
		return false;
	err = slot_program_open(&blob, slot->program, &slot->settings, NULL, &ret_gap->program);
	slot_blob_free(&blob);
	if (err)
		return false;
	ret_gap->slot = slot;
	ret_gap->number = number;
	ret_gap->count = slot_program_maps_list_unpinned(ret_gap->program, dir, ret_gap->names,
							 UNPINNED_MAX);
	return ret_gap->count > 0;
}

static size_t count_gaps(const struct slot_chain *chain)
{
	unsigned int number;
	size_t count = 0;

	for (number = 0; number < ROOT_SLOTS; number++) {
		_cleanup_(close_gap) struct gap gap = { 0 };

		count += find_gap(chain, number, &gap);
	}
	return count;
}

/* The program whose maps are the slot's: its own, or the root that all are linked into. */
static int open_running(const struct slot_chain *chain, unsigned int number,
			struct slot_program **ret_own)
{
	char dir[PATH_MAX];

	if (slot_generation_dir(chain->dir, chain->current->number, dir) ||
	    chain->current->engine->reopen(dir, number, ROOT_STABLE, ret_own))
		return chain->current->root_fd;
	return (*ret_own)->fd;
}

/* All maps of a slot that share their fate in one note: there may be twenty. */
static void note(struct slot_chain *chain, const struct gap *gap, const bool *is_made, bool fate)
{
	size_t i, count = 0, told = 0;

	for (i = 0; i < gap->count; i++)
		count += is_made[i] == fate;
	if (!count)
		return;
	slot_reason_append(&chain->lost, 0, "%sthe pin%s", chain->lost.text[0] ? "; " : "",
			   count > 1 ? "s of the maps" : " of the map");
	for (i = 0; i < gap->count; i++)
		if (is_made[i] == fate)
			slot_reason_append(&chain->lost, 0, "%s '%s'", told++ ? "," : "",
					   gap->names[i]);
	slot_reason_append(&chain->lost, 0, " of slot %u (%s) %s removed%s", gap->number,
			   gap->slot->name, count > 1 ? "were" : "was",
			   !fate ? ", and what runs does not tell which it was: the slot's next "
				   "version begins with an empty one" :
			   count > 1 ? "; they were pinned again" :
				       "; it was pinned again");
}

/* In a root of several slots with gaps nothing tells whose map it is. */
static bool repair(struct slot_chain *chain, const struct gap *gap, bool is_only)
{
	struct slot_program *own = NULL;
	int fd = open_running(chain, gap->number, &own);
	bool is_made[UNPINNED_MAX] = {}, is_any_made = false;
	char maps[PATH_MAX];
	size_t i;

	for (i = 0; i < gap->count; i++) {
		is_made[i] = (own || is_only) && !slot_pin_path(maps, chain->dir, SLOT_PIN_MAPS) &&
			     !slot_program_maps_repin(gap->program, gap->names[i], fd, maps,
						      gap->slot->name);
		is_any_made |= is_made[i];
	}
	note(chain, gap, is_made, true);
	note(chain, gap, is_made, false);
	slot_program_free(own);
	return is_any_made;
}

bool slot_chain_repair_maps(struct slot_chain *chain)
{
	size_t count = count_gaps(chain);
	bool is_any_made = false;
	unsigned int number;

	for (number = 0; count && number < ROOT_SLOTS; number++) {
		_cleanup_(close_gap) struct gap gap = { 0 };

		if (find_gap(chain, number, &gap))
			is_any_made |= repair(chain, &gap, count == 1);
	}
	return is_any_made;
}
