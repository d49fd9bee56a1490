/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether the entries of a pinned map fit the map that an object declares under the same name. */
#ifndef SLOT_MAP_SHAPE_H
#define SLOT_MAP_SHAPE_H

#include "loader/lib/base/reason.h"

struct bpf_map;
struct btf;

/*
 * slot_map_shape_check - compare the pinned map @fd, called @name, with @map of
 * an object not yet loaded, whose types are @btf: type, sizes, number of
 * entries, flags, and, where both have BTF, the layout of key and value. For a
 * map of maps also those of an inner map, if there is one yet; how many entries
 * inner maps have is their own matter.
 *
 * Returns 0, -EEXIST when they differ, and the difference, or -errno. Needs
 * CAP_SYS_ADMIN, to read BTF and inner maps by their ids.
 */
int slot_map_shape_check(int fd, const char *name, const struct bpf_map *map, const struct btf *btf,
			 struct slot_reason *why);

#endif
