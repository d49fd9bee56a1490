/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/map_orders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAP_NAME_MAX 63
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

static bool has_name(char *const *names, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len && len <= MAP_NAME_MAX && strspn(name, NAME_CHARS) == len;
}

/* As pins are called: bpffs takes no dots. */
static char *copy_pin_name(const char *name)
{
	char *copy = strdup(name);
	char *c;

	for (c = copy; c && *c; c++)
		if (*c == '.')
			*c = '_';
	return copy;
}

static int add_name(const struct slot_map_orders *orders, char ***names, size_t *count,
		    const char *name, struct slot_reason *why)
{
	char **grown;
	char *copy;

	if (!is_name(name))
		return slot_reason_set(why, -EINVAL,
				       "'%.64s' cannot be a map's name: 1 to %d of letters, "
				       "digits, _ and . expected",
				       name, MAP_NAME_MAX);
	copy = copy_pin_name(name);
	grown = copy ? reallocarray(*names, *count + 1, sizeof(**names)) : NULL;
	if (grown)
		*names = grown;
	if (grown && !slot_map_orders_is_fresh(orders, copy)) {
		grown[(*count)++] = copy;
		return 0;
	}
	free(copy);
	if (!grown)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	return slot_reason_set(why, -EINVAL,
			       "map '%s' is named twice: reset it or migrate it, once", name);
}

int slot_map_orders_add_reset(struct slot_map_orders *orders, const char *name,
			      struct slot_reason *why)
{
	return add_name(orders, &orders->reset, &orders->reset_count, name, why);
}

int slot_map_orders_add_migrate(struct slot_map_orders *orders, const char *name,
				struct slot_reason *why)
{
	return add_name(orders, &orders->migrate, &orders->migrate_count, name, why);
}

bool slot_map_orders_is_empty(const struct slot_map_orders *orders)
{
	return !orders || (!orders->reset_count && !orders->migrate_count);
}

bool slot_map_orders_is_reset(const struct slot_map_orders *orders, const char *pin_name)
{
	return orders && has_name(orders->reset, orders->reset_count, pin_name);
}

bool slot_map_orders_is_fresh(const struct slot_map_orders *orders, const char *pin_name)
{
	return slot_map_orders_is_reset(orders, pin_name) ||
	       (orders && has_name(orders->migrate, orders->migrate_count, pin_name));
}

static void free_names(char **names, size_t count)
{
	while (count)
		free(names[--count]);
	free(names);
}

void slot_map_orders_free(struct slot_map_orders *orders)
{
	if (!orders)
		return;
	free_names(orders->reset, orders->reset_count);
	free_names(orders->migrate, orders->migrate_count);
	*orders = (struct slot_map_orders){ 0 };
}
