/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seat of a chain of sk_reuseport, and what applications find of it. The folder is there
 * from the first attachment on, and outlives a detach: sockets that attached the jump meet the
 * chain again when it is back.
 */
#include "loader/lib/chain/seat.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/jump.h"
#include "loader/lib/host/pins.h"

#define FOLDER "sk_reuseport"

static int folder_path(const struct slot_host *host, const char *title, char *ret_path)
{
	return slot_pin_path(ret_path, host->root, FOLDER "/%s", title);
}

int slot_seat_path(const struct slot_chain *chain, char *ret_path)
{
	int err = folder_path(chain->host, chain->place.interface, ret_path);

	return err ? err : slot_pin_path(ret_path, ret_path, SLOT_PIN_JUMP);
}

/* It says where the chain's folder is now, which may have moved. Whoever follows it sees one or the other. */
static int link_maps(const struct slot_chain *chain, const char *folder)
{
	const char *name = strrchr(chain->dir, '/') + 1;
	char target[PATH_MAX];
	char found[PATH_MAX] = "";
	char path[PATH_MAX];
	char next[PATH_MAX];
	int err = slot_pin_path(target, "../..", "%s/" SLOT_PIN_MAPS, name);

	if (!err)
		err = slot_pin_path(path, folder, SLOT_PIN_MAPS);
	if (!err)
		err = slot_pin_path(next, folder, SLOT_PIN_MAPS "_next");
	if (err || (readlink(path, found, sizeof(found) - 1) > 0 && !strcmp(found, target)))
		return err;
	unlink(next);
	err = SLOT_STEP("seat.maps", symlink(target, next) ? -errno : 0);
	return err ? err : SLOT_STEP("seat.named", rename(next, path) ? -errno : 0);
}

int slot_chain_seat_pin(const struct slot_chain *chain, int seat_fd)
{
	char folder[PATH_MAX];
	int err = folder_path(chain->host, chain->place.interface, folder);

	if (!err)
		err = slot_jump_pin(seat_fd, folder);
	return err ? err : link_maps(chain, folder);
}

int slot_chain_seat_attach(const struct slot_chain *chain, int prog_fd, struct slot_reason *why,
			   int *ret_seat_fd)
{
	_cleanup_close_ int seat_fd = -1;
	char folder[PATH_MAX];
	int err = folder_path(chain->host, chain->place.interface, folder);

	if (!err) {
		seat_fd = slot_jump_open(folder);
		err = seat_fd < 0 ? seat_fd : slot_chain_seat_pin(chain, seat_fd);
	}
	if (!err)
		err = slot_jump_set(seat_fd, prog_fd);
	if (err)
		return slot_reason_set(why, err, "cannot attach '%s' by '%s/" SLOT_PIN_JUMP "': %s",
				       chain->interface, folder, strerror(-err));
	*ret_seat_fd = TAKE_FD(seat_fd);
	return 0;
}

static bool is_named(const struct slot_config *config, const char *title)
{
	char name[SLOT_CHAIN_NAME_MAX];

	slot_chain_name_format(SLOT_HOOK_SK_REUSEPORT, "", title, name);
	return slot_config_find(config, name);
}

/* What cannot be asked stays. */
static bool is_empty(const char *folder)
{
	_cleanup_close_ int fd = slot_jump_find(folder);
	__u32 prog_id = 0;

	if (fd == -ENOENT)
		return true;
	return fd >= 0 && !slot_jump_get(fd, &prog_id) && !prog_id;
}

void slot_seat_sweep(const struct slot_host *host, const struct slot_config *config)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	bool has_any = false;
	char path[PATH_MAX];

	if (slot_pin_path(path, host->root, FOLDER))
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char folder[PATH_MAX];

		if (entry->d_name[0] == '.' || folder_path(host, entry->d_name, folder))
			continue;
		if (is_named(config, entry->d_name) || !is_empty(folder))
			has_any = true;
		else
			slot_pin_remove_all(folder);
	}
	if (dir && !has_any)
		slot_pin_remove_all(path);
}
