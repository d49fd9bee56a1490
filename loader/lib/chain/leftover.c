/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"

#define FOLDER "left"

static int leftover_path(const struct slot_host *host, __u32 prog_id, char *ret_path)
{
	return slot_pin_path(ret_path, host->root, FOLDER "/%u", prog_id);
}

int slot_leftover_marks(const struct slot_host *host, char *ret_path)
{
	return slot_pin_path(ret_path, host->root, FOLDER "/clsact");
}

int slot_leftover_add(const struct slot_host *host, __u32 prog_id)
{
	char path[PATH_MAX];
	int err = leftover_path(host, prog_id, path);

	return err ? err : slot_pin_mkdir(path);
}

void slot_leftover_add_dir(const struct slot_host *host, const char *dir)
{
	unsigned int numbers[SLOT_GENERATIONS_MAX];
	size_t count = slot_generation_list(dir, numbers, SLOT_GENERATIONS_MAX);
	size_t i;

	for (i = 0; i < count; i++) {
		__u32 prog_id = slot_generation_root_id(dir, numbers[i]);

		if (prog_id)
			slot_leftover_add(host, prog_id);
	}
}

bool slot_leftover_has(const struct slot_host *host, __u32 prog_id)
{
	char path[PATH_MAX];

	return !leftover_path(host, prog_id, path) && !access(path, F_OK);
}

static bool is_running(__u32 prog_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(prog_id);

	return fd != -ENOENT;
}

bool slot_leftover_sweep(const struct slot_host *host)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char folder[PATH_MAX];
	bool has_any = false;

	if (slot_pin_path(folder, host->root, FOLDER))
		return false;
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		__u32 prog_id = (__u32)strtoul(entry->d_name, NULL, 10);
		char path[PATH_MAX];

		if (!prog_id)
			continue;
		if (is_running(prog_id))
			has_any = true;
		else if (!leftover_path(host, prog_id, path))
			slot_pin_remove_all(path);
	}
	if (dir && !has_any)
		slot_pin_remove_all(folder);
	return has_any;
}
