/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/shared/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"

#define LOCK_PAUSE_NS (1000 * 1000) /* the first; each is twice the one before */
#define LOCK_PAUSE_MAX_NS (16 * LOCK_PAUSE_NS)

/* As long as the largest of changes takes. */
unsigned int program_maps_wait_ms = 10 * 1000;

static bool has_shape(const struct bpf_map_info *info, const struct program_map *map)
{
	return info->type == map->type && info->key_size == map->key_size &&
	       info->value_size == map->value_size &&
	       (!map->max_entries || info->max_entries == map->max_entries);
}

static const char *hint_at(int err)
{
	switch (err) {
	case -ENOENT:
		return "; does the program run in this slot, as new as slotctl?";
	case -EACCES:
	case -EPERM:
		return "; maps are root's and the slot's owner's (slotctl slots)";
	default:
		return "";
	}
}

int program_map_open(const char *map_dir, const struct program_map *map, bool is_writer,
		     struct slot_reason *why, int *ret_fd)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = is_writer ? 0 : BPF_F_RDONLY);
	_cleanup_close_ int fd = -1;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char path[PATH_MAX];
	int err;

	if (snprintf(path, sizeof(path), "%s/%s", map_dir, map->name) >= (int)sizeof(path))
		return slot_reason_set(why, -ENAMETOOLONG, "map folder '%.64s...': name too long",
				       map_dir);
	fd = bpf_obj_get_opts(path, &opts);
	if (fd < 0)
		return slot_reason_set(why, fd, "cannot open map '%s': %s%s", path, strerror(-fd),
				       hint_at(fd));
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (err)
		return slot_reason_set(why, err, "cannot read what map '%s' is: %s", path,
				       strerror(-err));
	if (!has_shape(&info, map))
		return slot_reason_set(why, -EPROTO,
				       "map '%s' has another layout than this command knows; "
				       "it belongs to another program or version",
				       path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int get_id(int fd, __u32 *ret_id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_map_get_info_by_fd(fd, &info, &len);

	*ret_id = info.id;
	return err;
}

static int check_map(const struct program_map_use *use)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);
	_cleanup_close_ int pinned = -1;
	char path[PATH_MAX];
	__u32 own, other;
	int err;

	if (snprintf(path, sizeof(path), "%s/%s", use->dir, use->name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	pinned = bpf_obj_get_opts(path, &opts);
	if (pinned < 0)
		return pinned;
	err = get_id(use->fd, &own);
	err = err ? err : get_id(pinned, &other);
	if (err)
		return err;
	return own == other ? 0 : -ESTALE;
}

int program_maps_check(const struct program_map_use *used, size_t count)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++)
		if (used[i].fd >= 0)
			err = check_map(&used[i]);
	return err;
}

int program_maps_open(const char *map_dir, const struct program_map_fd *all, size_t count,
		      bool is_writer, struct slot_reason *why)
{
	int err = 0;

	for (size_t i = 0; i < count; i++)
		*all[i].fd = -1;
	for (size_t i = 0; !err && i < count; i++)
		err = program_map_open(map_dir, all[i].map, is_writer, why, all[i].fd);
	for (size_t i = 0; err && i < count; i++)
		slot_cleanup_close(all[i].fd);
	return err;
}

/* The kernel wants each CPU's value at a multiple of 8 bytes. */
static size_t percpu_size(const struct program_map *map)
{
	return (map->value_size + 7) & ~(size_t)7;
}

int program_map_clear(int fd, const struct program_map *map, __u32 first, __u32 count,
		      struct slot_reason *why)
{
	int cpus = libbpf_num_possible_cpus(), err = 0;
	_cleanup_free_ void *zeros = cpus > 0 ? calloc((size_t)cpus, percpu_size(map)) : NULL;

	if (cpus < 0)
		return slot_reason_set(why, cpus, "cannot tell the number of CPUs: %s",
				       strerror(-cpus));
	if (!zeros)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	for (__u32 i = first; !err && i < first + count; i++)
		err = bpf_map_update_elem(fd, &i, zeros, BPF_ANY);
	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", map->name,
				     strerror(-err)) :
		     0;
}

int program_maps_lock(const char *map_dir, struct slot_reason *why, int *ret_fd)
{
	_cleanup_close_ int fd = open(map_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return slot_reason_set(why, -errno, "cannot open map folder '%s': %s", map_dir,
				       strerror(errno));
	if (flock(fd, LOCK_EX))
		return slot_reason_set(why, -errno, "cannot lock map folder '%s': %s", map_dir,
				       strerror(errno));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int wait_for(int dir, int operation, unsigned int wait_ms)
{
	struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int64_t end_ms = slot_clock_ms() + wait_ms;

	while (flock(dir, operation | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (slot_clock_ms() >= end_ms)
			return -EBUSY;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < LOCK_PAUSE_MAX_NS)
			pause.tv_nsec *= 2;
	}
	return 0;
}

int program_maps_wait(int dir, int operation)
{
	return wait_for(dir, operation, program_maps_wait_ms);
}

int program_maps_share_sure(const char *map_dir, unsigned int wait_ms, struct slot_reason *why,
			    int *ret_fd)
{
	_cleanup_close_ int fd = open(map_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return slot_reason_set(why, -errno, "cannot open map folder '%s': %s", map_dir,
				       strerror(errno));
	err = wait_for(fd, LOCK_SH, wait_ms);
	if (err)
		return slot_reason_set(why, err, "cannot lock map folder '%s': %s", map_dir,
				       err == -EBUSY ? "a command is changing its maps" :
						       strerror(-err));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int program_maps_share(const char *map_dir)
{
	_cleanup_close_ int fd = open(map_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && !program_maps_wait(fd, LOCK_SH) ? TAKE_FD(fd) : -1;
}
