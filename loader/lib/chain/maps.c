/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The maps of a chain's slots: where they are pinned, and whose they are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/owner.h"
#include "loader/lib/host/pins.h"

static int move_maps(const char *from, const char *to)
{
	_cleanup_closedir_ DIR *dir = opendir(from);
	const struct dirent *entry;
	char source[PATH_MAX];
	char target[PATH_MAX];
	int err = dir ? slot_pin_mkdir(to) : -errno;

	while (!err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		err = slot_pin_path(source, from, "%s", entry->d_name);
		if (!err)
			err = slot_pin_path(target, to, "%s", entry->d_name);
		if (!err)
			err = SLOT_STEP("maps.move", rename(source, target) ? -errno : 0);
	}
	return err;
}

static int promote_maps(const struct slot_chain *chain, struct slot_reason *why)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char staged[PATH_MAX];
	char from[PATH_MAX];
	char to[PATH_MAX];
	int err =
		slot_pin_path(staged, chain->dir, "gen/%u/" SLOT_PIN_MAPS, chain->current->number);

	dir = err ? NULL : opendir(staged);
	while (dir && !err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		err = slot_pin_path(from, staged, "%s", entry->d_name);
		if (!err)
			err = slot_pin_path(to, chain->dir, SLOT_PIN_MAPS "/%s", entry->d_name);
		if (!err)
			err = move_maps(from, to);
	}
	if (!err && dir)
		err = slot_pin_remove_all(staged);
	return err ? slot_reason_set(why, err, "cannot move new maps out of '%s': %s", staged,
				     strerror(-err)) :
		     0;
}

/* An owner that is no longer known to the host leaves the pins as they are. */
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
