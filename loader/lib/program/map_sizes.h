/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps whose number of entries follows from a setting: SLOT_ENTRIES of bpf/manifest.h. */
#ifndef SLOT_MAP_SIZES_H
#define SLOT_MAP_SIZES_H

#include "loader/lib/base/reason.h"

struct bpf_object;

/*
 * slot_map_sizes_apply - set the number of entries of such maps of @object, which is open,
 * has its settings and is not yet loaded.
 *
 * Returns 0, -EINVAL for a rule that cannot be read or a number that is 0 or beyond 32
 * bits, or an error of slot_settings_read_number; says why.
 */
int slot_map_sizes_apply(struct bpf_object *object, struct slot_reason *why);

#endif
