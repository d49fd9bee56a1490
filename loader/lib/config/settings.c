/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The free-form settings of a reservation. A key occurs once; their order means nothing. */
#include "loader/lib/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void slot_settings_free(struct slot_settings *settings)
{
	if (!settings)
		return;
	for (size_t i = 0; i < settings->count; i++) {
		free(settings->items[i].key);
		free(settings->items[i].value);
	}
	free(settings->items);
	*settings = (struct slot_settings){ 0 };
}

int slot_settings_add(struct slot_settings *settings, const char *key, const char *value)
{
	struct slot_setting *items;
	struct slot_setting item = { strdup(key), strdup(value) };

	items = reallocarray(settings->items, settings->count + 1, sizeof(*items));
	if (items)
		settings->items = items;
	if (!items || !item.key || !item.value) {
		free(item.key);
		free(item.value);
		return -ENOMEM;
	}
	settings->items[settings->count++] = item;
	return 0;
}

const char *slot_settings_get(const struct slot_settings *settings, const char *key)
{
	for (size_t i = 0; i < settings->count; i++) {
		if (!strcmp(settings->items[i].key, key))
			return settings->items[i].value;
	}
	return NULL;
}

int slot_settings_copy(const struct slot_settings *from, struct slot_settings *ret_to)
{
	struct slot_settings copy = { 0 };

	for (size_t i = 0; i < from->count; i++) {
		if (slot_settings_add(&copy, from->items[i].key, from->items[i].value)) {
			slot_settings_free(&copy);
			return -ENOMEM;
		}
	}
	*ret_to = copy;
	return 0;
}

bool slot_settings_is_equal(const struct slot_settings *a, const struct slot_settings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const char *value = slot_settings_get(b, a->items[i].key);

		if (!value || strcmp(value, a->items[i].value) != 0)
			return false;
	}
	return true;
}
