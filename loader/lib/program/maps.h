/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a program's maps outlive its versions: found again by their pins, refused where their shape changed. */
#ifndef SLOT_PROGRAM_MAPS_H
#define SLOT_PROGRAM_MAPS_H

#include <stdbool.h>

#include "loader/lib/base/reason.h"

struct bpf_map;
struct bpf_object;

/* slot_map_is_state - whether @map is state that outlives a version: all but read-only data and libbpf's own. */
bool slot_map_is_state(const struct bpf_map *map);

/*
 * slot_program_maps_reuse - let @object, not yet loaded, use the maps pinned in
 * @map_dir under the names of its own. Returns 0, -EEXIST for a map of another
 * type or size than the pinned one, -errno; says why.
 */
int slot_program_maps_reuse(struct bpf_object *object, const char *map_dir,
			    struct slot_reason *why);

/*
 * slot_program_maps_stage - pin the maps of @object, loaded, that have no pin in
 * @map_dir yet, nor in @stage_dir, in @stage_dir, which is made when needed. Returns 0 or -errno, says why.
 */
int slot_program_maps_stage(struct bpf_object *object, const char *map_dir, const char *stage_dir,
			    struct slot_reason *why);

#endif
