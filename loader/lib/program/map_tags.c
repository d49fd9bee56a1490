/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/map_tags.h"

#include <string.h>

#include <bpf/btf.h>

const char *slot_map_tag_get(const struct btf *btf, const char *name, const char *prefix)
{
	__u32 id, count = btf ? btf__type_cnt(btf) : 0;
	size_t len = strlen(prefix);

	for (id = 1; id < count; id++) {
		const struct btf_type *tag = btf__type_by_id(btf, id), *map;
		const char *text;

		if (!btf_is_decl_tag(tag) || btf_decl_tag(tag)->component_idx != -1)
			continue;
		text = btf__name_by_offset(btf, tag->name_off);
		map = btf__type_by_id(btf, tag->type);
		if (!strncmp(text, prefix, len) &&
		    !strcmp(btf__name_by_offset(btf, map->name_off), name))
			return text + len;
	}
	return NULL;
}
