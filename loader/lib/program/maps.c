/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/maps.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/manifest.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/program/map_loan.h"
#include "loader/lib/program/map_shape.h"
#include "loader/lib/program/map_tags.h"
#include "loader/lib/program/program.h"

#define USED_MAPS_MAX 64 /* of one program; kernel: MAX_USED_MAPS */

static bool is_data(const char *name)
{
	return strstr(name, ".data") || strstr(name, ".bss");
}

bool slot_map_is_state(const struct bpf_map *map)
{
	if (bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY)
		return false;
	return !bpf_map__is_internal(map) || is_data(bpf_map__name(map));
}

static __u32 find_map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return fd < 0 || bpf_map_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

/* As slot_pin_map_id(). @dir may be NULL. */
static __u32 find_pinned_id(const char *dir, const char *name)
{
	return dir ? slot_pin_map_id(dir, name) : 0;
}

/* State that is this slot's, not another one's. */
static bool is_own(const struct bpf_object *object, const struct bpf_map *map)
{
	return slot_map_is_state(map) && !slot_map_is_borrowed(object, map);
}

/* --- orders --------------------------------------------------------------------------------- */

static const struct bpf_map *find_map(const struct bpf_object *object, const char *pin_name)
{
	char name[SLOT_MAP_PIN_NAME_SIZE];
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
		if (is_own(object, map) && !strcmp(name, pin_name))
			return map;
	}
	return NULL;
}

static int refuse_unknown(const struct bpf_object *object, const char *wanted, const char *order,
			  struct slot_reason *why)
{
	char name[SLOT_MAP_PIN_NAME_SIZE];
	char known[1024] = "";
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		size_t used = strlen(known);

		if (!is_own(object, map))
			continue;
		slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
		snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", name);
	}
	return slot_reason_set(why, -ENOENT,
			       "there is no map '%s' to %s: this object keeps its state in %s",
			       wanted, order, *known ? known : "no map at all");
}

static int check_names(const struct bpf_object *object, char *const *names, size_t count,
		       const char *order, struct slot_reason *why)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!find_map(object, names[i]))
			return refuse_unknown(object, names[i], order, why);
	return 0;
}

static int check_orders(const struct bpf_object *object, const struct slot_map_orders *orders,
			struct slot_reason *why)
{
	int err;

	if (!orders)
		return 0;
	err = check_names(object, orders->reset, orders->reset_count, "begin anew", why);
	return err ? err :
		     check_names(object, orders->migrate, orders->migrate_count, "migrate", why);
}

/* --- reuse and stage ------------------------------------------------------------------------ */

/* By an order of its own, or of one that @map belongs with: SLOT_TOGETHER of bpf/manifest.h. */
static bool is_reset(const struct bpf_object *object, const struct bpf_map *map,
		     const struct slot_map_orders *orders)
{
	const struct btf *btf = bpf_object__btf(object);
	const char *group = slot_map_tag_get(btf, bpf_map__name(map), SLOT_TOGETHER_TAG), *others;
	const struct bpf_map *other;

	if (slot_map_orders_is_empty(orders))
		return false;
	bpf_object__for_each_map(other, object) {
		char name[SLOT_MAP_PIN_NAME_SIZE];

		slot_pin_map_name(bpf_map__name(other), name, sizeof(name));
		if (!slot_map_orders_is_reset(orders, name))
			continue;
		others = slot_map_tag_get(btf, bpf_map__name(other), SLOT_TOGETHER_TAG);
		if (other == map || (group && others && !strcmp(group, others)))
			return true;
	}
	return false;
}

/* The map that @name stands for before this program is loaded; -ENOENT: a new one. */
static int open_pinned(const struct slot_program_place *place, const char *name, bool is_fresh)
{
	int fd = place->stage_dir ? slot_pin_open(place->stage_dir, name) : -ENOENT;

	if (fd != -ENOENT || !place->map_dir || is_fresh)
		return fd;
	return slot_pin_open(place->map_dir, name);
}

static int reuse_map(struct bpf_map *map, const struct bpf_object *object,
		     const struct slot_program_place *place, struct slot_reason *why)
{
	char name[SLOT_MAP_PIN_NAME_SIZE];
	_cleanup_close_ int fd = -1;
	bool is_fresh;
	int err;

	if (!slot_map_is_state(map))
		return 0;
	slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
	if (slot_map_is_borrowed(object, map))
		return slot_map_borrow(map, object, place, why);
	is_fresh = slot_map_orders_is_fresh(place->map_orders, name) ||
		   is_reset(object, map, place->map_orders);
	fd = open_pinned(place, name, is_fresh);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return slot_reason_set(why, fd, "cannot open the pinned map '%s/%s': %s",
				       place->map_dir, name, strerror(-fd));
	err = slot_map_shape_check(fd, name, map, bpf_object__btf(object), why);
	if (err)
		return err;
	err = bpf_map__reuse_fd(map, fd);
	return err ? slot_reason_set(why, err, "cannot reuse the map '%s': %s", name,
				     strerror(-err)) :
		     0;
}

int slot_program_maps_reuse(struct bpf_object *object, const struct slot_program_place *place,
			    struct slot_reason *why)
{
	struct bpf_map *map;
	int err = check_orders(object, place->map_orders, why);

	if (err)
		return err;
	bpf_object__for_each_map(map, object) {
		err = reuse_map(map, object, place, why);
		if (err)
			return err;
	}
	return 0;
}

static int pin_map(const struct bpf_map *map, const char *name, const char *dir,
		   struct slot_reason *why)
{
	int err = slot_pin_mkdir(dir);

	if (!err)
		err = slot_pin_set(bpf_map__fd(map), dir, name);
	return err ? slot_reason_set(why, err, "cannot pin the map '%s' in '%s': %s", name, dir,
				     strerror(-err)) :
		     0;
}

int slot_program_maps_stage(struct bpf_object *object, const struct slot_program_place *place,
			    struct slot_reason *why)
{
	char name[SLOT_MAP_PIN_NAME_SIZE];
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, object) {
		__u32 id = find_map_id(bpf_map__fd(map));

		if (!slot_map_is_state(map) || !id)
			continue;
		slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
		if (find_pinned_id(place->map_dir, name) == id ||
		    find_pinned_id(place->stage_dir, name) == id)
			continue;
		err = pin_map(map, name, place->stage_dir, why);
		if (err)
			return err;
	}
	return 0;
}

/* --- programs loaded earlier ---------------------------------------------------------------- */

/* A pin that somebody removed has nothing else in its place. */
static bool is_object_current(const struct bpf_object *object, const char *map_dir)
{
	char name[SLOT_MAP_PIN_NAME_SIZE];
	const struct bpf_map *map;
	__u32 pinned;

	bpf_object__for_each_map(map, object) {
		__u32 id = find_map_id(bpf_map__fd(map));

		if (!slot_map_is_state(map) || !id)
			continue;
		slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
		pinned = find_pinned_id(map_dir, name);
		if (pinned && pinned != id)
			return false;
	}
	return true;
}

static bool is_pinned(__u32 id, const char *map_dir)
{
	_cleanup_closedir_ DIR *dir = opendir(map_dir);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && find_pinned_id(map_dir, entry->d_name) == id)
			return true;
	return false;
}

/* Without an object only the kernel tells; a dot in a map's name begins its section's. */
static bool is_state_id(__u32 id)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_map_get_info_by_fd(fd, &info, &len))
		return false;
	return info.type != BPF_MAP_TYPE_PROG_ARRAY &&
	       (!strchr(info.name, '.') || is_data(info.name));
}

static bool is_fd_current(int prog_fd, const char *map_dir)
{
	__u32 ids[USED_MAPS_MAX];
	struct bpf_prog_info info = {
		.nr_map_ids = USED_MAPS_MAX,
		.map_ids = (__u64)(unsigned long)ids,
	};
	__u32 len = sizeof(info);
	__u32 i;

	if (bpf_prog_get_info_by_fd(prog_fd, &info, &len) || info.nr_map_ids > USED_MAPS_MAX)
		return false;
	for (i = 0; i < info.nr_map_ids; i++)
		if (is_state_id(ids[i]) && !is_pinned(ids[i], map_dir))
			return false;
	return true;
}

bool slot_program_maps_is_current(const struct slot_program *program, const char *map_dir)
{
	return program->object ? is_object_current(program->object, map_dir) :
				 is_fd_current(program->fd, map_dir);
}

/* --- pins that somebody removed ------------------------------------------------------------- */

size_t slot_program_maps_list_unpinned(const struct slot_program *program, const char *map_dir,
				       char (*ret_names)[SLOT_MAP_PIN_NAME_SIZE], size_t max)
{
	char name[SLOT_MAP_PIN_NAME_SIZE];
	const struct bpf_map *map;
	size_t count = 0;

	bpf_object__for_each_map(map, program->object) {
		slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
		if (count < max && is_own(program->object, map) && !find_pinned_id(map_dir, name))
			memcpy(ret_names[count++], name, sizeof(name));
	}
	return count;
}

/* Whether it is pinned for any slot: @maps_dir has a folder for each. */
static bool is_any_slots(__u32 id, const char *maps_dir)
{
	_cleanup_closedir_ DIR *dir = opendir(maps_dir);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    !slot_pin_path(path, maps_dir, "%s", entry->d_name) && is_pinned(id, path))
			return true;
	return false;
}

/* The kernel keeps 15 bytes of a name; of a section's they end in what its pin is called. */
static bool is_called(int fd, const char *pin_name)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	char name[SLOT_MAP_PIN_NAME_SIZE];

	if (bpf_map_get_info_by_fd(fd, &info, &len))
		return false;
	slot_pin_map_name(info.name, name, sizeof(name));
	return !strncmp(name, pin_name, BPF_OBJ_NAME_LEN - 1);
}

/* The one map of those with @ids that can be @map; -ENOENT: none, -ENOTUNIQ: several. */
static int find_running(const struct bpf_map *map, const char *name, const struct btf *btf,
			const struct bpf_prog_info *info, const char *maps_dir)
{
	const __u32 *ids = (const __u32 *)(unsigned long)info->map_ids;
	int found = -ENOENT;
	__u32 i;

	for (i = 0; i < info->nr_map_ids && i < USED_MAPS_MAX; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0 || !is_state_id(ids[i]) || !is_called(fd, name) ||
		    is_any_slots(ids[i], maps_dir) ||
		    slot_map_shape_check(fd, name, map, btf, NULL))
			continue;
		if (found >= 0) {
			close(found);
			return -ENOTUNIQ;
		}
		found = TAKE_FD(fd);
	}
	return found;
}

int slot_program_maps_repin(const struct slot_program *program, const char *name, int prog_fd,
			    const char *maps_dir, const char *slot)
{
	const struct bpf_map *map = find_map(program->object, name);
	_cleanup_close_ int fd = -1;
	__u32 ids[USED_MAPS_MAX];
	struct bpf_prog_info info = {
		.nr_map_ids = USED_MAPS_MAX,
		.map_ids = (__u64)(unsigned long)ids,
	};
	__u32 len = sizeof(info);
	char dir[PATH_MAX];
	int err = bpf_prog_get_info_by_fd(prog_fd, &info, &len);

	if (err || !map)
		return err ? err : -ENOENT;
	fd = find_running(map, name, bpf_object__btf(program->object), &info, maps_dir);
	if (fd < 0)
		return fd;
	err = slot_pin_path(dir, maps_dir, "%s", slot);
	if (!err)
		err = slot_pin_mkdir(dir);
	return err ? err : slot_pin_set(fd, dir, name);
}

/* --- program arrays ------------------------------------------------------------------------- */

bool slot_program_maps_has_code(const struct bpf_object *object)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY)
			return true;
	return false;
}

int slot_program_maps_pin_code(const struct slot_program *program, const char *dir,
			       struct slot_reason *why)
{
	char name[SLOT_MAP_PIN_NAME_SIZE];
	const struct bpf_map *map;
	int err = 0;

	if (!program->object)
		return 0;
	bpf_object__for_each_map(map, program->object) {
		if (bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY || bpf_map__fd(map) < 0)
			continue;
		slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
		err = pin_map(map, name, dir, why);
		if (err)
			return err;
	}
	return 0;
}
