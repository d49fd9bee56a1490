/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/maps.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"

#define MAP_PIN_NAME_SIZE 64

bool slot_map_is_state(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return !bpf_map__is_internal(map) || strstr(name, ".data") || strstr(name, ".bss");
}

static int refuse_shape(const char *name, const char *what, long long was, long long is,
			struct slot_reason *why)
{
	return slot_reason_set(
		why, -EEXIST,
		"map '%s' changed its %s from %lld to %lld, so its entries cannot be "
		"carried over",
		name, what, was, is);
}

/* Sizes that the kernel or libbpf rounds or fills in are declared as 0 or as less than what is there. */
static bool is_max_entries_equal(const struct bpf_map_info *info, const struct bpf_map *map)
{
	__u32 declared = bpf_map__max_entries(map);

	if (info->type == BPF_MAP_TYPE_RINGBUF)
		return info->max_entries >= declared && info->max_entries / 2 < declared;
	return !declared || info->max_entries == declared;
}

static int check_shape(int fd, const struct bpf_map *map, const char *name, struct slot_reason *why)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	__u32 flags = bpf_map__map_flags(map);

	if (bpf_map_get_info_by_fd(fd, &info, &len))
		return slot_reason_set(why, -errno, "cannot inspect the pinned map '%s': %s", name,
				       strerror(errno));
	if (info.type == BPF_MAP_TYPE_DEVMAP || info.type == BPF_MAP_TYPE_DEVMAP_HASH)
		info.map_flags &= ~(__u32)BPF_F_RDONLY_PROG; /* the kernel's own addition */
	if (info.type != bpf_map__type(map))
		return refuse_shape(name, "type", info.type, bpf_map__type(map), why);
	if (info.key_size != bpf_map__key_size(map))
		return refuse_shape(name, "key size", info.key_size, bpf_map__key_size(map), why);
	if (info.value_size != bpf_map__value_size(map))
		return refuse_shape(name, "value size", info.value_size, bpf_map__value_size(map),
				    why);
	if (!is_max_entries_equal(&info, map))
		return refuse_shape(name, "number of entries", info.max_entries,
				    bpf_map__max_entries(map), why);
	if (info.map_flags != flags)
		return refuse_shape(name, "flags", info.map_flags, flags, why);
	return 0;
}

static int reuse_map(struct bpf_map *map, const char *map_dir, struct slot_reason *why)
{
	char name[MAP_PIN_NAME_SIZE];
	_cleanup_close_ int fd = -1;
	int err;

	if (!slot_map_is_state(map))
		return 0;
	slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
	fd = slot_pin_open(map_dir, name);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return slot_reason_set(why, fd, "cannot open the pinned map '%s/%s': %s", map_dir,
				       name, strerror(-fd));
	err = check_shape(fd, map, name, why);
	if (err)
		return err;
	err = bpf_map__reuse_fd(map, fd);
	return err ? slot_reason_set(why, err, "cannot reuse the map '%s': %s", name,
				     strerror(-err)) :
		     0;
}

int slot_program_maps_reuse(struct bpf_object *object, const char *map_dir, struct slot_reason *why)
{
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, object) {
		err = reuse_map(map, map_dir, why);
		if (err)
			return err;
	}
	return 0;
}

int slot_program_maps_stage(struct bpf_object *object, const char *map_dir, const char *stage_dir,
			    struct slot_reason *why)
{
	char name[MAP_PIN_NAME_SIZE];
	char path[PATH_MAX];
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, object) {
		if (!slot_map_is_state(map) || bpf_map__fd(map) < 0)
			continue;
		slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
		err = slot_pin_path(path, map_dir, "%s", name);
		if (!err && !access(path, F_OK))
			continue;
		err = slot_pin_path(path, stage_dir, "%s", name);
		if (!err && !access(path, F_OK))
			continue;
		if (!err)
			err = slot_pin_mkdir(stage_dir);
		if (!err)
			err = slot_pin_set(bpf_map__fd(map), stage_dir, name);
		if (err)
			return slot_reason_set(why, err, "cannot pin the map '%s' in '%s': %s",
					       name, stage_dir, strerror(-err));
	}
	return 0;
}
