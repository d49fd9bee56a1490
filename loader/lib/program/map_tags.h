/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the macros of bpf/manifest.h behind a map's name say of it: tags in the object's BTF. */
#ifndef SLOT_MAP_TAGS_H
#define SLOT_MAP_TAGS_H

struct btf;

/*
 * slot_map_tag_get - what stands behind @prefix in the tag of the map @name that begins with it;
 * NULL where there is none. @btf may be NULL; the answer is part of it.
 */
const char *slot_map_tag_get(const struct btf *btf, const char *name, const char *prefix);

#endif
