/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>

#include "loader/slotctl/answer.h"

const char *slot_answer_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

json_int_t slot_answer_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool slot_answer_has(const json_t *object, const char *key)
{
	return json_is_integer(json_object_get(object, key));
}

bool slot_answer_is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *slot_answer_count(const json_t *object, const char *key, char ret_text[SLOT_COUNT_SIZE])
{
	if (slot_answer_has(object, key))
		snprintf(ret_text, SLOT_COUNT_SIZE, "%" JSON_INTEGER_FORMAT,
			 slot_answer_number(object, key));
	else
		snprintf(ret_text, SLOT_COUNT_SIZE, "-");
	return ret_text;
}

char *slot_answer_list(const json_t *object, const char *key)
{
	const json_t *list = json_object_get(object, key), *item;
	const char *between = "";
	char *text = NULL;
	size_t size, i;
	FILE *out;

	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	json_array_foreach(list, i, item) {
		if (!json_is_string(item))
			continue;
		fprintf(out, "%s%s", between, json_string_value(item));
		between = ", ";
	}
	fclose(out);
	return text;
}

const json_t *slot_answer_slot(const json_t *answer, json_int_t number)
{
	const json_t *slot;
	size_t i;

	json_array_foreach(json_object_get(answer, "slots"), i, slot) {
		if (slot_answer_has(slot, "slot") && slot_answer_number(slot, "slot") == number)
			return slot;
	}
	return NULL;
}

void slot_answer_add_text(struct slot_table *table, const json_t *object, const char *key)
{
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", slot_answer_text(object, key));
}

void slot_answer_add_count(struct slot_table *table, enum slot_style style, const json_t *object,
			   const char *key)
{
	char text[SLOT_COUNT_SIZE];

	slot_table_add(table, style, "%s", slot_answer_count(object, key, text));
}
