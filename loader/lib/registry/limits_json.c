/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/limits_json.h"

#include <errno.h>

#include "loader/lib/base/json.h"

static json_t *helpers_to_json(__u32 helpers)
{
	json_t *list = json_array();

	for (int kind = SLOT_HELPER_BASIC + 1; list && kind < SLOT_HELPER_CLASSES; kind++) {
		if (!(helpers & 1U << kind))
			continue;
		if (json_array_append_new(list, json_string(slot_helper_class_name(kind)))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *slot_limits_to_json(const struct slot_limits *limits)
{
	json_t *json = json_object();
	int err = json ? 0 : -1;

	if (!err && limits->has_helpers)
		err = json_object_set_new(json, "helpers", helpers_to_json(limits->helpers));
	if (!err && limits->map_memory)
		err = json_object_set_new(json, "map_memory",
					  json_integer((json_int_t)limits->map_memory));
	if (!err && limits->maps_of[0])
		err = json_object_set_new(json, "maps_of", json_string(limits->maps_of));
	if (!err && limits->signature_key[0])
		err = json_object_set_new(json, "require_signature",
					  json_string(limits->signature_key));
	if (!err)
		return json;
	json_decref(json);
	return NULL;
}

static int helpers_from_json(const json_t *json, struct slot_reason *why,
			     struct slot_limits *limits)
{
	json_t *list;
	json_t *item;
	size_t index;
	int err;

	if (!json_object_get(json, "helpers"))
		return 0;
	err = slot_json_get(json, "helpers", JSON_ARRAY, why, &list);
	if (err)
		return err;
	limits->has_helpers = true;
	json_array_foreach(list, index, item) {
		int kind = json_is_string(item) ? slot_helper_class_parse(json_string_value(item)) :
						  -EINVAL;

		if (kind < 0)
			return slot_reason_set(why, -EINVAL,
					       "'helpers': names of classes expected");
		limits->helpers |= 1U << kind;
	}
	return 0;
}

static int map_memory_from_json(const json_t *json, struct slot_reason *why,
				struct slot_limits *limits)
{
	json_t *member;
	int err;

	if (!json_object_get(json, "map_memory"))
		return 0;
	err = slot_json_get(json, "map_memory", JSON_INTEGER, why, &member);
	if (err)
		return err;
	if (json_integer_value(member) <= 0)
		return slot_reason_set(why, -EINVAL, "'map_memory': bytes, more than 0, expected");
	limits->map_memory = (__u64)json_integer_value(member);
	return 0;
}

int slot_limits_from_json(const json_t *json, struct slot_reason *why,
			  struct slot_limits *ret_limits)
{
	struct slot_limits limits = { 0 };
	json_t *member;
	int err;

	if (!json_object_get(json, "limits")) {
		*ret_limits = limits;
		return 0;
	}
	err = slot_json_get(json, "limits", JSON_OBJECT, why, &member);
	if (!err)
		err = helpers_from_json(member, why, &limits);
	if (!err)
		err = map_memory_from_json(member, why, &limits);
	if (!err && json_object_get(member, "maps_of"))
		err = slot_json_get_text(member, "maps_of", sizeof(limits.maps_of), why,
					 limits.maps_of);
	if (!err && json_object_get(member, "require_signature"))
		err = slot_json_get_text(member, "require_signature", sizeof(limits.signature_key),
					 why, limits.signature_key);
	if (!err)
		*ret_limits = limits;
	return err;
}
