/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/lib/socketlb_paths.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "bpf/socket_lb/socket_lb_abi.h"
#include "loader/lib/base/cleanup.h"

#define BPFFS "/sys/fs/bpf"
#define CHAINS "slotd/sk_reuseport"

static const char *find_bpffs(void)
{
	const char *path = secure_getenv("SOCKETLB_BPFFS");

	return path && *path ? path : BPFFS;
}

/* @dir/@name, if it has the maps of socket_lb: 0, else -errno. */
static int check_slot(const char *dir, const char *name, char **ret_path)
{
	_cleanup_free_ char *path = NULL, *pin = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (asprintf(&pin, "%s/" SL_VIPS_NAME, path) < 0) {
		pin = NULL;
		return -ENOMEM;
	}
	if (access(pin, F_OK))
		return -errno;
	*ret_path = TAKE_PTR(path);
	return 0;
}

/* A slot may be called anything: it is the one that has these maps. Folders of others stay shut. */
static int find_maps(const char *dir, char **ret_path, uid_t *ret_owner)
{
	_cleanup_closedir_ DIR *slots = opendir(dir);
	const struct dirent *slot;
	struct stat info;
	int err = -ENOENT;

	if (!slots)
		return -errno;
	while (err && (slot = readdir(slots))) {
		int slot_err = *slot->d_name == '.' ? -ENOENT :
						      check_slot(dir, slot->d_name, ret_path);

		err = slot_err == -ENOENT ? err : slot_err;
		if (slot_err == -EACCES && !fstatat(dirfd(slots), slot->d_name, &info, 0))
			*ret_owner = info.st_uid;
	}
	return err;
}

int socketlb_paths_find(const char *chain, struct slot_reason *why, char **ret_program,
			char **ret_map_dir)
{
	_cleanup_free_ char *program = NULL, *slots = NULL;
	const char *hook = strstr(chain, SOCKETLB_HOOK);
	int len = hook && !hook[strlen(SOCKETLB_HOOK)] ? (int)(hook - chain) : (int)strlen(chain);
	uid_t owner = (uid_t)-1;
	int err;

	if (!len || *chain == '.' || strchr(chain, '/'))
		return slot_reason_set(why, -EINVAL, "'%.80s' is no title of a chain", chain);
	if (asprintf(&program, "%s/" CHAINS "/%.*s/jump", find_bpffs(), len, chain) < 0) {
		program = NULL;
		return slot_reason_set(why, -ENOMEM, "out of memory");
	}
	if (asprintf(&slots, "%s/" CHAINS "/%.*s/maps", find_bpffs(), len, chain) < 0) {
		slots = NULL;
		return slot_reason_set(why, -ENOMEM, "out of memory");
	}
	err = find_maps(slots, ret_map_dir, &owner);
	if (err == -EACCES && owner != (uid_t)-1)
		return slot_reason_set(why, err,
				       "chain '%s' has no slot of yours that runs socket_lb, but "
				       "one of user %u: %s",
				       chain, owner, strerror(-err));
	if (err)
		return slot_reason_set(why, err,
				       "chain '%s' has no slot of yours that runs socket_lb "
				       "('%s': %s)%s",
				       chain, slots, strerror(-err),
				       strchr(chain, ':') && !hook ?
					       ": expected TITLE or TITLE" SOCKETLB_HOOK :
					       "");
	*ret_program = TAKE_PTR(program);
	return 0;
}

static bool has_maps(const char *chains, const char *title)
{
	_cleanup_free_ char *slots = NULL, *map_dir = NULL;
	uid_t owner;

	if (asprintf(&slots, "%s/%s/maps", chains, title) < 0) {
		slots = NULL;
		return false;
	}
	return !find_maps(slots, &map_dir, &owner);
}

static int keep_only(DIR *chains, const char *path, struct slot_reason *why, char **ret_chain)
{
	_cleanup_free_ char *found = NULL;
	const struct dirent *chain;

	while ((chain = readdir(chains))) {
		if (*chain->d_name == '.' || !has_maps(path, chain->d_name))
			continue;
		if (found)
			return slot_reason_set(why, -ENOTUNIQ,
					       "chains '%s' and '%s' run socket_lb: choose one "
					       "with --chain",
					       found, chain->d_name);
		found = strdup(chain->d_name);
		if (!found)
			return slot_reason_set(why, -ENOMEM, "out of memory");
	}
	if (!found)
		return slot_reason_set(why, -ENOENT,
				       "no chain in '%s' has a slot of yours that runs socket_lb",
				       path);
	*ret_chain = TAKE_PTR(found);
	return 0;
}

int socketlb_paths_only(struct slot_reason *why, char **ret_chain)
{
	_cleanup_closedir_ DIR *chains = NULL;
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/" CHAINS, find_bpffs()) < 0) {
		path = NULL;
		return slot_reason_set(why, -ENOMEM, "out of memory");
	}
	chains = opendir(path);
	if (!chains)
		return slot_reason_set(why, -errno, "cannot look for chains in '%s': %s", path,
				       strerror(errno));
	return keep_only(chains, path, why, ret_chain);
}
