/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The maps of a chain's slots: where they are pinned, and whose they are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/map_memory.h"
#include "loader/lib/host/owner.h"
#include "loader/lib/host/pins.h"

/* Folders of one reservation's maps. */
struct map_places {
	char staged[PATH_MAX]; /* with the current generation */
	char main[PATH_MAX];   /* of the chain */
	char aside[PATH_MAX];  /* with the previous generation; empty: there is none */
};

static int find_places(const struct slot_chain *chain, const char *name,
		       struct map_places *ret_places)
{
	int err = slot_pin_path(ret_places->staged, chain->dir, "gen/%u/" SLOT_PIN_MAPS "/%s",
				chain->current->number, name);

	ret_places->aside[0] = '\0';
	if (!err)
		err = slot_pin_path(ret_places->main, chain->dir, SLOT_PIN_MAPS "/%s", name);
	if (!err && chain->previous)
		err = slot_pin_path(ret_places->aside, chain->dir, "gen/%u/" SLOT_PIN_MAPS "/%s",
				    chain->previous->number, name);
	return err;
}

/* A pin that is not at @from has been moved before. */
static int move_pin(const char *from, const char *to, const char *name)
{
	char source[PATH_MAX];
	char target[PATH_MAX];
	int err = slot_pin_path(source, from, "%s", name);

	if (!err)
		err = slot_pin_path(target, to, "%s", name);
	if (!err && !access(source, F_OK))
		err = slot_pin_mkdir(to);
	if (!err)
		err = SLOT_STEP("maps.move",
				rename(source, target) && errno != ENOENT ? -errno : 0);
	return err;
}

/*
 * What stands in the chain's place goes to the generation that runs it before
 * the other takes the place: a kill in between leaves the place empty, and
 * nothing is lost. Without a previous generation nobody can go back to it.
 */
static int promote_map(const struct map_places *places, const char *name)
{
	int err = *places->aside ? move_pin(places->main, places->aside, name) : 0;

	return err ? err : move_pin(places->staged, places->main, name);
}

static int promote_slot(const struct slot_chain *chain, const char *name)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	struct map_places places;
	int err = find_places(chain, name, &places);

	dir = err ? NULL : opendir(places.staged);
	while (dir && !err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			err = promote_map(&places, entry->d_name);
	return err;
}

static int promote_maps(const struct slot_chain *chain, struct slot_reason *why)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char staged[PATH_MAX];
	int err =
		slot_pin_path(staged, chain->dir, "gen/%u/" SLOT_PIN_MAPS, chain->current->number);

	dir = err ? NULL : opendir(staged);
	while (dir && !err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			err = promote_slot(chain, entry->d_name);
	if (!err && dir)
		err = slot_pin_remove_all(staged);
	return err ? slot_reason_set(why, err, "cannot move the maps of '%s' to their place: %s",
				     staged, strerror(-err)) :
		     0;
}

/*
 * The folder as well: who may read it may lock it, and keep its owner from changing anything.
 * An owner that is no longer known to the host leaves the pins as they are.
 */
static int own_maps(const char *dir_path, const char *owner)
{
	_cleanup_closedir_ DIR *dir = opendir(dir_path);
	const struct dirent *entry;
	struct slot_owner found;
	int err = 0;

	if (!dir || slot_owner_find(owner, &found))
		return 0;
	while (!err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (fchownat(dirfd(dir), entry->d_name, found.uid, found.gid, 0) ||
		    fchmodat(dirfd(dir), entry->d_name, found.is_group ? 0660 : 0600, 0))
			err = -errno;
	}
	if (!err && (fchown(dirfd(dir), found.uid, found.gid) ||
		     fchmod(dirfd(dir), found.is_group ? 0550 : 0500)))
		err = -errno;
	return err;
}

int slot_chain_settle_maps(const struct slot_chain *chain, struct slot_reason *why)
{
	const struct slot_state *slots = chain->current->state.slots;
	char path[PATH_MAX];
	unsigned int slot;
	int err = promote_maps(chain, why);

	if (err)
		return err;
	for (slot = 0; slot < ROOT_SLOTS && !err; slot++) {
		if (!slots[slot].reserved)
			continue;
		err = slot_pin_path(path, chain->dir, SLOT_PIN_MAPS "/%s", slots[slot].name);
		if (!err)
			err = own_maps(path, slots[slot].owner);
	}
	return err ? slot_reason_set(why, err, "cannot hand '%s' to its owner: %s", path,
				     strerror(-err)) :
		     0;
}

int slot_chain_lender_dir(const struct slot_chain *chain, const char *maps_of, char *ret_dir)
{
	char chain_name[SLOT_CHAIN_NAME_MAX], dir[PATH_MAX];
	struct slot_target target = {
		.netns_cookie = chain->netns_cookie,
		.ifindex = chain->ifindex,
		.interface = chain_name,
	};
	enum slot_hook hook;
	const char *name = slot_lender_split(maps_of, chain->hook, &hook);
	int err;

	if (!name || !*name)
		return -ENOENT;
	if (hook == chain->hook)
		return slot_pin_path(ret_dir, chain->dir, SLOT_PIN_MAPS "/%s", name);
	slot_chain_name_format(hook, chain->place.netns, chain->place.interface, chain_name);
	err = slot_pins_chain_dir(chain->host->root, &target, dir);
	return err ? err : slot_pin_path(ret_dir, dir, SLOT_PIN_MAPS "/%s", name);
}

static __u64 measure_folder(const char *dir, const char *lender)
{
	struct slot_map_folders folders = { .own = dir, .lender = lender };
	struct slot_map_memory memory = { 0 };

	slot_map_memory_sum(&folders, &memory);
	return memory.bytes;
}

__u64 slot_chain_measure_maps(const struct slot_chain *chain, unsigned int slot)
{
	static const char *const versions[] = { "", "_c" };
	const struct slot_state *state = &chain->current->state.slots[slot];
	char lender[PATH_MAX];
	char path[PATH_MAX];
	__u64 bytes = 0;

	if (!slot_pin_path(path, chain->dir, SLOT_PIN_MAPS "/%s", state->name))
		bytes = measure_folder(
			path, slot_chain_lender_dir(chain, state->limits.maps_of, lender) ? NULL :
											    lender);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (!slot_pin_path(path, chain->dir, "gen/%u/" SLOT_PIN_CODE "_%02u%s",
				   chain->current->number, slot, versions[i]))
			bytes += measure_folder(path, NULL);
	return bytes;
}
