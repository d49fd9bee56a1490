/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a change says about a slot's maps: which start empty, which a converter fills. Pure. */
#ifndef SLOT_MAP_ORDERS_H
#define SLOT_MAP_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "loader/lib/base/reason.h"

/*
 * Orders hold for one change: unlike overrides they are not recorded. Maps are
 * named as their pins are; ".bss" stands for "_bss". All zero: no orders.
 */
struct slot_map_orders {
	char **reset; /* the next version starts these empty */
	size_t reset_count;
	char **migrate; /* the object's converter copies these from the old map to the new one */
	size_t migrate_count;
	uid_t uid; /* who asked: a converter for a slot that a group owns runs as this user */
	gid_t gid; /* its primary group */
};

/*
 * slot_map_orders_add_reset, slot_map_orders_add_migrate - add the map @name.
 * Returns 0, -ENOMEM, -EINVAL for what cannot be a map's name or is ordered
 * already; says why.
 */
int slot_map_orders_add_reset(struct slot_map_orders *orders, const char *name,
			      struct slot_reason *why);
int slot_map_orders_add_migrate(struct slot_map_orders *orders, const char *name,
				struct slot_reason *why);

/* slot_map_orders_is_empty - whether it asks for nothing. @orders may be NULL. */
bool slot_map_orders_is_empty(const struct slot_map_orders *orders);

/* slot_map_orders_is_reset - whether @pin_name starts empty. @orders may be NULL. */
bool slot_map_orders_is_reset(const struct slot_map_orders *orders, const char *pin_name);

/* slot_map_orders_is_fresh - whether @pin_name is reset or migrated. @orders may be NULL. */
bool slot_map_orders_is_fresh(const struct slot_map_orders *orders, const char *pin_name);

void slot_map_orders_free(struct slot_map_orders *orders);

#endif
