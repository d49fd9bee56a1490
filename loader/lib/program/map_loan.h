/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Maps that a program borrows of another slot: SLOT_BORROWED of bpf/manifest.h. They are the
 * lender's; the borrower has pins of its own for them, which are its owner's.
 */
#ifndef SLOT_MAP_LOAN_H
#define SLOT_MAP_LOAN_H

#include <stdbool.h>

#include "loader/lib/base/reason.h"

struct bpf_map;
struct bpf_object;
struct slot_program_place;

/* slot_map_is_borrowed - whether @map of @object is another slot's. Pure. */
bool slot_map_is_borrowed(const struct bpf_object *object, const struct bpf_map *map);

/* slot_map_has_loans - whether any map of @object is another slot's. Pure. */
bool slot_map_has_loans(const struct bpf_object *object);

/*
 * slot_map_borrow - let @map of @object, not yet loaded, be the lender's map of its name: that
 * in @place->lender_stage_dir, as a program of this generation has it, else the one in
 * @place->lender_map_dir. Returns 0, -EACCES where the reservation names no lender, -EEXIST
 * for a map of another shape, -errno; says why.
 */
int slot_map_borrow(struct bpf_map *map, const struct bpf_object *object,
		    const struct slot_program_place *place, struct slot_reason *why);

/*
 * slot_map_loans_check - whether @lender (NULL: a program without an object) has as maps of its
 * own those that @object borrows. Returns 0, or -ENOENT and which it has not.
 */
int slot_map_loans_check(const struct bpf_object *object, const struct bpf_object *lender,
			 struct slot_reason *why);

/*
 * slot_map_loans_hold - whether the maps that @object borrows, as @map_dir has them pinned,
 * are those that @lender_dir (NULL: nobody's) has: a reset or a migration there may have put
 * others in their place. True for an object that borrows none.
 */
bool slot_map_loans_hold(const struct bpf_object *object, const char *map_dir,
			 const char *lender_dir);

#endif
