/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/map_loan.h"

#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/manifest.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/program/map_shape.h"
#include "loader/lib/program/map_tags.h"
#include "loader/lib/program/maps.h"
#include "loader/lib/program/program.h"

bool slot_map_is_borrowed(const struct bpf_object *object, const struct bpf_map *map)
{
	return slot_map_tag_get(bpf_object__btf(object), bpf_map__name(map), SLOT_BORROWED_TAG);
}

bool slot_map_has_loans(const struct bpf_object *object)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (slot_map_is_borrowed(object, map))
			return true;
	return false;
}

static int open_lent(const struct slot_program_place *place, const char *name)
{
	int fd = place->lender_stage_dir ? slot_pin_open(place->lender_stage_dir, name) : -ENOENT;

	return fd == -ENOENT ? slot_pin_open(place->lender_map_dir, name) : fd;
}

int slot_map_borrow(struct bpf_map *map, const struct bpf_object *object,
		    const struct slot_program_place *place, struct slot_reason *why)
{
	char name[SLOT_MAP_PIN_NAME_SIZE];
	_cleanup_close_ int fd = -1;
	int err;

	slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
	if (!place->lender_map_dir)
		return slot_reason_set(why, -EACCES,
				       "its map '%s' is another slot's: maps_of in slots.conf has "
				       "to grant it that slot's maps",
				       name);
	fd = open_lent(place, name);
	if (fd < 0)
		return slot_reason_set(why, fd, "cannot open the pinned map '%s/%s': %s",
				       place->lender_map_dir, name, strerror(-fd));
	err = slot_map_shape_check(fd, name, map, bpf_object__btf(object), NULL);
	if (err == -EEXIST)
		return slot_reason_set(why, err,
				       "the map '%s' of the slot that maps_of names has another "
				       "layout than this program knows: disable this slot, and "
				       "enable it with a version that belongs to that slot's",
				       name);
	if (!err)
		err = bpf_map__reuse_fd(map, fd);
	return err ? slot_reason_set(why, err, "cannot reuse the map '%s': %s", name,
				     strerror(-err)) :
		     0;
}

static bool has_own(const struct bpf_object *object, const char *name)
{
	const struct bpf_map *map = object ? bpf_object__find_map_by_name(object, name) : NULL;

	return map && slot_map_is_state(map) && !slot_map_is_borrowed(object, map);
}

int slot_map_loans_check(const struct bpf_object *object, const struct bpf_object *lender,
			 struct slot_reason *why)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);

		if (slot_map_is_borrowed(object, map) && !has_own(lender, name))
			return slot_reason_set(why, -ENOENT,
					       "the slot that maps_of in slots.conf names has no "
					       "map '%s': another program, or another version, "
					       "is to run there",
					       name);
	}
	return 0;
}

bool slot_map_loans_hold(const struct bpf_object *object, const char *map_dir,
			 const char *lender_dir)
{
	char name[SLOT_MAP_PIN_NAME_SIZE];
	const struct bpf_map *map;
	__u32 id;

	bpf_object__for_each_map(map, object) {
		if (!slot_map_is_borrowed(object, map))
			continue;
		slot_pin_map_name(bpf_map__name(map), name, sizeof(name));
		id = lender_dir ? slot_pin_map_id(lender_dir, name) : 0;
		if (!id || id != slot_pin_map_id(map_dir, name))
			return false;
	}
	return true;
}
