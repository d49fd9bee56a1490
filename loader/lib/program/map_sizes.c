/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/map_sizes.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/manifest.h"
#include "loader/lib/program/map_tags.h"
#include "loader/lib/program/settings.h"

#define KEY_MAX 64

/* One map, and the rule that it is tagged with: a setting's name, then "*2" or "/1024". */
struct sized_map {
	struct bpf_map *map;
	const char *rule;
	char key[KEY_MAX];
};

static int refuse_rule(const struct sized_map *sized, struct slot_reason *why)
{
	return slot_reason_set(why, -EINVAL,
			       "the object says of map '%s' that it has '%s' entries, which is no "
			       "setting followed by *NUMBER or /NUMBER",
			       bpf_map__name(sized->map), sized->rule);
}

static int refuse_value(const struct sized_map *sized, __u32 value, struct slot_reason *why)
{
	return slot_reason_set(why, -EINVAL,
			       "settings: %s: %u gives map '%s' a number of entries (%s) that is "
			       "not between 1 and 2^32 - 1",
			       sized->key, value, bpf_map__name(sized->map), sized->rule);
}

/* Applies what stands behind the setting's name, @steps, to @value; UINT64_MAX: beyond 32 bits. */
static int take_steps(const struct sized_map *sized, const char *steps, struct slot_reason *why,
		      uint64_t *value)
{
	unsigned long number;
	char *end;

	for (; *steps; steps = end) {
		number = strtoul(steps + 1, &end, 10);
		if ((*steps != '*' && *steps != '/') || !number || number > UINT32_MAX)
			return refuse_rule(sized, why);
		*value = *steps == '*' ? *value * number : (*value + number - 1) / number;
		if (*value > UINT32_MAX)
			*value = (uint64_t)UINT32_MAX + 1;
	}
	return 0;
}

static int size_map(struct bpf_object *object, struct sized_map *sized, struct slot_reason *why)
{
	size_t len = strcspn(sized->rule, "*/");
	uint64_t entries;
	__u32 value;
	int err;

	if (!len || len >= sizeof(sized->key))
		return refuse_rule(sized, why);
	memcpy(sized->key, sized->rule, len);
	sized->key[len] = '\0';
	err = slot_settings_read_number(object, sized->key, why, &value);
	if (err)
		return err;
	entries = value;
	err = take_steps(sized, sized->rule + len, why, &entries);
	if (err)
		return err;
	if (!entries || entries > UINT32_MAX)
		return refuse_value(sized, value, why);
	return bpf_map__set_max_entries(sized->map, (__u32)entries);
}

int slot_map_sizes_apply(struct bpf_object *object, struct slot_reason *why)
{
	const struct btf *btf = bpf_object__btf(object);
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, object) {
		struct sized_map sized = {
			.map = map,
			.rule = slot_map_tag_get(btf, bpf_map__name(map), SLOT_ENTRIES_TAG),
		};

		if (sized.rule)
			err = size_map(object, &sized, why);
		if (err)
			return err;
	}
	return 0;
}
