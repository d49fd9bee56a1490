/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdarg.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/pairs.h"

int slot_pairs_new(struct slot_table **ret_table)
{
	static const struct slot_column columns[] = { { "", false }, { "", false } };

	return slot_table_new(columns, 2, ret_table);
}

void slot_pairs_add(struct slot_table *table, const char *key, const char *fmt, ...)
{
	_cleanup_free_ char *value = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&value, fmt, args) < 0)
		value = NULL;
	va_end(args);
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_table_add(table, SLOT_STYLE_BOLD, "%s", key);
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", value && *value ? value : "-");
}

void slot_pairs_add_text(struct slot_table *table, const json_t *object, const char *key)
{
	slot_pairs_add(table, key, "%s", slot_answer_text(object, key));
}

void slot_pairs_add_count(struct slot_table *table, const json_t *object, const char *key)
{
	char count[SLOT_COUNT_SIZE];

	slot_pairs_add(table, key, "%s", slot_answer_count(object, key, count));
}

int slot_pairs_add_list(struct slot_table *table, const json_t *object, const char *key)
{
	_cleanup_free_ char *list = slot_answer_list(object, key);

	if (!list)
		return -ENOMEM;
	slot_pairs_add(table, key, "%s", *list ? list : "none");
	return 0;
}

int slot_pairs_add_run_config(struct slot_table *table, const json_t *object)
{
	const json_t *run = json_object_get(object, "run_config");
	_cleanup_free_ char *list = NULL;

	if (!run)
		return 0;
	list = slot_answer_list(run, "continue_on");
	if (!list)
		return -ENOMEM;
	slot_pairs_add(table, "run_config",
		       "goes on after %s (priority %" JSON_INTEGER_FORMAT
		       " means nothing: the slot's number is the order)",
		       *list ? list : "nothing", slot_answer_number(run, "priority"));
	return 0;
}

int slot_pairs_print_maps(const json_t *object, const struct slot_look *look, FILE *out)
{
	static const struct slot_column columns[] = {
		{ "map", false },  { "type", false }, { "key", true },
		{ "value", true }, { "max", true },   { "id", true },
	};
	static const char *const numbers[] = { "key_size", "value_size", "max_entries", "id" };
	const json_t *maps = json_object_get(object, "maps"), *map;
	_cleanup_(slot_table_cleanup) struct slot_table *table = NULL;
	size_t count = sizeof(columns) / sizeof(columns[0]), i;
	int err;

	if (!json_array_size(maps))
		return 0;
	if (!slot_answer_has(json_array_get(maps, 0), "id"))
		count--;
	err = slot_table_new(columns, count, &table);
	if (err)
		return err;
	json_array_foreach(maps, i, map) {
		slot_table_add_row(table, SLOT_STYLE_PLAIN);
		slot_answer_add_text(table, map, "name");
		slot_answer_add_text(table, map, "type");
		for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++)
			slot_answer_add_count(table, SLOT_STYLE_PLAIN, map, numbers[j]);
	}
	putc('\n', out);
	return slot_table_print(table, look, out);
}
