/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/maps/sl_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "bpf/count_abi.h"
#include "bpf/socket_lb/socket_lb_abi.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"

static const struct program_map vips_map = {
	.name = SL_VIPS_NAME,
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(struct sl_vip_key),
	.value_size = sizeof(struct sl_vip),
	.max_entries = SL_VIPS_MAX,
};

static const struct program_map active_map = {
	.name = SL_ACTIVE_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct sl_active),
	.max_entries = SL_VIPS_MAX,
};

static const struct program_map instances_map = {
	.name = SL_INSTANCES_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct sl_instance),
	.max_entries = SL_INSTANCE_INDEX(SL_VIPS_MAX, 0),
};

static const struct program_map sockets_map = {
	.name = SL_SOCKETS_NAME,
	.type = BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = SL_SOCKET_INDEX(SL_VIPS_MAX, 0, 0),
};

static const struct program_map flows_map = {
	.name = SL_FLOWS_NAME,
	.type = BPF_MAP_TYPE_LRU_HASH,
	.key_size = sizeof(struct sl_flow_key),
	.value_size = sizeof(struct sl_flow),
};

static const struct program_map counts_map = {
	.name = SL_COUNTS_NAME,
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct slot_count),
	.max_entries = SL_COUNT_INDEX(SL_NO_VIP + 1, 0),
};

/* What a registration is in comes first. */
#define REGISTERED_IN 4
#define ALL_MAPS(maps)                                                                             \
	{                                                                                          \
		{ &vips_map, &(maps)->vips },		{ &active_map, &(maps)->active },          \
		{ &instances_map, &(maps)->instances }, { &sockets_map, &(maps)->sockets },        \
		{ &flows_map, &(maps)->flows },		{ &counts_map, &(maps)->counts },          \
	}
#define MAPS_COUNT 6

static int refuse_folder(const char *map_dir, int err, struct slot_reason *why)
{
	struct stat info;

	if (err == -EACCES && !stat(map_dir, &info))
		return slot_reason_set(why, err, "map folder '%s' is user %u's: %s", map_dir,
				       info.st_uid, strerror(-err));
	return slot_reason_set(why, err, "cannot open map folder '%s': %s", map_dir,
			       strerror(-err));
}

int sl_maps_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		 struct sl_maps *ret_maps)
{
	struct sl_maps maps = SL_MAPS_CLOSED;
	const struct program_map_fd all[MAPS_COUNT] = ALL_MAPS(&maps);
	int err;

	maps.dir = open(map_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (maps.dir < 0)
		return refuse_folder(map_dir, -errno, why);
	err = program_maps_open(map_dir, all, MAPS_COUNT, is_writer, why);
	if (err)
		sl_maps_close(&maps);
	else
		*ret_maps = maps;
	return err;
}

int sl_counts_clear(const struct sl_maps *maps, __u32 vip, struct slot_reason *why)
{
	return program_map_clear(maps->counts, &counts_map, SL_COUNT_INDEX(vip, 0), SL_COUNTS_SIZE,
				 why);
}

void sl_maps_close(struct sl_maps *maps)
{
	const struct program_map_fd all[MAPS_COUNT] = ALL_MAPS(maps);

	for (size_t i = 0; i < MAPS_COUNT; i++)
		slot_cleanup_close(all[i].fd);
	slot_cleanup_close(&maps->dir);
	*maps = (struct sl_maps)SL_MAPS_CLOSED;
}

/* Returns 0 for none. */
static __u32 read_id(int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return fd < 0 || bpf_map_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

bool sl_maps_are_same(struct sl_maps *a, struct sl_maps *b)
{
	const struct program_map_fd one[MAPS_COUNT] = ALL_MAPS(a);
	const struct program_map_fd other[MAPS_COUNT] = ALL_MAPS(b);

	for (size_t i = 0; i < REGISTERED_IN; i++)
		if (read_id(*one[i].fd) != read_id(*other[i].fd))
			return false;
	return true;
}

int sl_maps_check(struct sl_maps *maps, const char *map_dir, bool *ret_is_other)
{
	const struct program_map_fd all[MAPS_COUNT] = ALL_MAPS(maps);
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);

	*ret_is_other = false;
	for (size_t i = 0; i < MAPS_COUNT; i++) {
		_cleanup_close_ int fd = -1;
		char path[PATH_MAX];
		bool is_same;

		snprintf(path, sizeof(path), "%s/%s", map_dir, all[i].map->name);
		fd = bpf_obj_get_opts(path, &opts);
		is_same = fd < 0 ? fd != -ENOENT : read_id(fd) == read_id(*all[i].fd);
		if (!is_same && i < REGISTERED_IN)
			return -ESTALE;
		*ret_is_other |= !is_same;
	}
	return 0;
}

/*
 * A lock belongs to what open() made, which processes share after fork(): so each lock has one of
 * its own. Who gave up the right to open the folder since it opened the maps has but that one.
 */
static int open_lock(const struct sl_maps *maps)
{
	int fd = openat(maps->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		fd = fcntl(maps->dir, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int sl_lock(const struct sl_maps *maps, struct slot_reason *why, int *ret_locked)
{
	int fd = open_lock(maps);
	int err = fd < 0 ? fd : program_maps_wait(fd, LOCK_EX);

	if (!err) {
		*ret_locked = fd;
		return 0;
	}
	slot_cleanup_close(&fd);
	return slot_reason_set(why, err, "cannot lock the map folder: %s; nothing was changed",
			       err == -EBUSY ? "another process has held its lock for 10 s" :
					       strerror(-err));
}

void sl_unlock(int *locked)
{
	if (*locked >= 0)
		flock(*locked, LOCK_UN);
	slot_cleanup_close(locked);
}
