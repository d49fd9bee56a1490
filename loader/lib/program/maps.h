/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a program's maps outlive its versions: found again by their pins, refused
 * where their shape changed.
 */
#ifndef SLOT_PROGRAM_MAPS_H
#define SLOT_PROGRAM_MAPS_H

#include <stdbool.h>

#include "loader/lib/base/reason.h"

#define SLOT_MAP_PIN_NAME_SIZE 64

struct bpf_map;
struct bpf_object;
struct slot_program;
struct slot_program_place;

/*
 * slot_map_is_state - whether @map is state that outlives a version: all but
 * read-only data, libbpf's own, and program arrays, which are code: their
 * entries are a version's own programs.
 */
bool slot_map_is_state(const struct bpf_map *map);

/*
 * slot_program_maps_reuse - let @object, not yet loaded, use the maps pinned
 * under the names of its own: in @place->stage_dir, as another program of this
 * generation has them, else in @place->map_dir, unless @place->map_orders say
 * that one begins anew. Returns 0, -EEXIST for a map of another shape than the
 * pinned one, -ENOENT where the orders name a map that @object has not, -errno;
 * says why.
 */
int slot_program_maps_reuse(struct bpf_object *object, const struct slot_program_place *place,
			    struct slot_reason *why);

/*
 * slot_program_maps_stage - pin the maps of @object, loaded, that are new in
 * @place->stage_dir, which is made when needed. Returns 0 or -errno, says why.
 */
int slot_program_maps_stage(struct bpf_object *object, const struct slot_program_place *place,
			    struct slot_reason *why);

/*
 * slot_program_maps_is_current - whether the maps of @program, loaded, are those
 * pinned in @map_dir now. It was loaded for good with the maps of its time, and
 * a reset, a migration or a rollback may have put others in their place.
 */
bool slot_program_maps_is_current(const struct slot_program *program, const char *map_dir);

/*
 * slot_program_maps_list_unpinned - the pins that @program, not loaded, would have in
 * @map_dir, and that are not there; @max at most. Returns how many.
 */
size_t slot_program_maps_list_unpinned(const struct slot_program *program, const char *map_dir,
				       char (*ret_names)[SLOT_MAP_PIN_NAME_SIZE], size_t max);

/*
 * slot_program_maps_repin - pin the map @name of @program, not loaded, in @maps_dir/@slot
 * again: the one that the running program @prog_fd uses, which has this name and shape and
 * is pinned for no slot in @maps_dir. Returns 0, -ENOENT where there is none, -ENOTUNIQ
 * where there are several, or -errno. Needs CAP_SYS_ADMIN, to open maps by their ids.
 */
int slot_program_maps_repin(const struct slot_program *program, const char *name, int prog_fd,
			    const char *maps_dir, const char *slot);

/*
 * slot_program_maps_pin_code - pin the program arrays of @program in @dir, which
 * is made when needed: the kernel empties one that nothing pinned or open names.
 * Returns 0 or -errno, says why.
 */
int slot_program_maps_pin_code(const struct slot_program *program, const char *dir,
			       struct slot_reason *why);

/* slot_program_maps_has_code - whether @object has program arrays. */
bool slot_program_maps_has_code(const struct bpf_object *object);

#endif
