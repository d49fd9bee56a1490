/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/base/json.h"

#include <errno.h>
#include <string.h>

static const char *const type_names[] = {
	[JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",	    [JSON_STRING] = "a string",
	[JSON_INTEGER] = "a number", [JSON_TRUE] = "true or false", [JSON_FALSE] = "true or false",
};

int slot_json_get(const json_t *object, const char *name, json_type type, struct slot_reason *why,
		  json_t **ret_member)
{
	json_t *member = json_object_get(object, name);

	if (!json_is_object(object))
		return slot_reason_set(why, -EINVAL, "an object with '%s' expected", name);
	if (!member)
		return slot_reason_set(why, -EINVAL, "'%s' is missing", name);
	if (json_typeof(member) != type && !(type == JSON_TRUE && json_is_false(member)))
		return slot_reason_set(why, -EINVAL, "'%s': %s expected", name, type_names[type]);
	*ret_member = member;
	return 0;
}

int slot_json_get_bool(const json_t *object, const char *name, struct slot_reason *why,
		       bool *ret_bool)
{
	json_t *member;
	int err = slot_json_get(object, name, JSON_TRUE, why, &member);

	if (!err)
		*ret_bool = json_is_true(member);
	return err;
}

int slot_json_get_number(const json_t *object, const char *name, unsigned int end,
			 struct slot_reason *why, unsigned int *ret_number)
{
	json_t *member;
	json_int_t number;
	int err = slot_json_get(object, name, JSON_INTEGER, why, &member);

	if (err)
		return err;
	number = json_integer_value(member);
	if (number < 0 || number >= end)
		return slot_reason_set(why, -EINVAL, "'%s': a number from 0 to %u expected", name,
				       end - 1);
	*ret_number = (unsigned int)number;
	return 0;
}

int slot_json_get_text(const json_t *object, const char *name, size_t size, struct slot_reason *why,
		       char *ret_text)
{
	json_t *member;
	const char *text;
	int err = slot_json_get(object, name, JSON_STRING, why, &member);

	if (err)
		return err;
	text = json_string_value(member);
	if (strlen(text) != json_string_length(member) || strlen(text) >= size)
		return slot_reason_set(why, -EINVAL, "'%s': at most %zu bytes without NUL expected",
				       name, size - 1);
	strcpy(ret_text, text);
	return 0;
}
