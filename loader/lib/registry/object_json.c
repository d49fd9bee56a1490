/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/object_json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "loader/lib/base/json.h"
#include "loader/lib/config/verdict.h"

json_t *slot_verdicts_to_json(__u8 mask)
{
	json_t *list = json_array();

	for (unsigned int bit = 0; list && bit <= ROOT_COL_SKIPPED; bit++) {
		if (!(mask & 1U << bit))
			continue;
		if (json_array_append_new(list, json_string(slot_allow_name(bit)))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int slot_verdicts_from_json(const json_t *json, const char *name, __u8 known,
			    struct slot_reason *why, __u8 *ret_mask)
{
	json_t *list;
	json_t *item;
	size_t index;
	__u8 mask = 0;
	int err = slot_json_get(json, name, JSON_ARRAY, why, &list);

	if (err)
		return err;
	json_array_foreach(list, index, item) {
		int bit = json_is_string(item) ? slot_allow_parse(json_string_value(item)) :
						 -EINVAL;

		if (bit < 0 || !(known & 1U << bit))
			return slot_reason_set(why, -EINVAL, "'%s': names of verdicts expected",
					       name);
		mask |= 1U << bit;
	}
	*ret_mask = mask;
	return 0;
}

json_t *slot_run_config_to_json(const struct slot_run_config *run)
{
	return json_pack("{s:I, s:o}", "priority", (json_int_t)run->priority, "continue_on",
			 slot_verdicts_to_json(run->continue_on));
}

static int run_config_from_json(const json_t *json, struct slot_reason *why,
				struct slot_run_config *ret_run)
{
	struct slot_run_config run = { .present = true };
	json_t *member;
	int err;

	if (!json_object_get(json, "run_config")) {
		*ret_run = (struct slot_run_config){ 0 };
		return 0;
	}
	err = slot_json_get(json, "run_config", JSON_OBJECT, why, &member);
	if (!err)
		err = slot_json_get_number(member, "priority", UINT_MAX, why, &run.priority);
	if (!err)
		err = slot_verdicts_from_json(member, "continue_on", ROOT_VERDICT_ALL, why,
					      &run.continue_on);
	if (!err)
		*ret_run = run;
	return err;
}

json_t *slot_object_id_to_json(const struct slot_object_id *object)
{
	json_t *json = json_pack("{s:s, s:s, s:s}", "sha256", object->sha256, "name", object->name,
				 "version", object->version);

	int err = 0;

	if (object->run.present)
		err = json_object_set_new(json, "run_config",
					  slot_run_config_to_json(&object->run));
	if (!err && object->is_adopted)
		err = json_object_set_new(json, "adopted", json_true());
	if (err) {
		json_decref(json);
		return NULL;
	}
	return json;
}

int slot_object_id_from_json(const json_t *json, const char *key, struct slot_reason *why,
			     bool *ret_has_object, struct slot_object_id *ret_object)
{
	struct slot_object_id object = { 0 };
	json_t *member;
	int err;

	if (!json_object_get(json, key)) {
		*ret_has_object = false;
		return 0;
	}
	err = slot_json_get(json, key, JSON_OBJECT, why, &member);
	if (!err)
		err = slot_json_get_text(member, "sha256", sizeof(object.sha256), why,
					 object.sha256);
	if (!err)
		err = slot_json_get_text(member, "name", sizeof(object.name), why, object.name);
	if (!err)
		err = slot_json_get_text(member, "version", sizeof(object.version), why,
					 object.version);
	if (!err)
		err = run_config_from_json(member, why, &object.run);
	if (!err && json_object_get(member, "adopted"))
		err = slot_json_get_bool(member, "adopted", why, &object.is_adopted);
	if (err)
		return err;
	if (strspn(object.sha256, "0123456789abcdef") != SLOT_SHA256_SIZE - 1)
		return slot_reason_set(why, -EINVAL, "'sha256': 64 hexadecimal digits expected");
	*ret_has_object = true;
	*ret_object = object;
	return 0;
}
