/* SPDX-License-Identifier: GPL-2.0-only */
/* Views of one thing: its properties, one a line, and its maps below. */
#ifndef SLOTCTL_PAIRS_H
#define SLOTCTL_PAIRS_H

#include <stdio.h>

#include <jansson.h>

#include "loader/slotctl/table.h"

/* slot_pairs_new - a table of a property's name and its value (slot_table_free). Returns 0 or -ENOMEM. */
int slot_pairs_new(struct slot_table **ret_table);

/* slot_pairs_add - one property, printf-like; empty text shows as "-". */
void slot_pairs_add(struct slot_table *table, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* slot_pairs_add_text, slot_pairs_add_count - the string, the integer, at @key of @object. */
void slot_pairs_add_text(struct slot_table *table, const json_t *object, const char *key);
void slot_pairs_add_count(struct slot_table *table, const json_t *object, const char *key);

/* slot_pairs_add_list - the strings of the array at @key of @object. Returns 0 or -ENOMEM. */
int slot_pairs_add_list(struct slot_table *table, const json_t *object, const char *key);

/* slot_pairs_add_run_config - the member "run_config", where there is one. Returns 0 or -ENOMEM. */
int slot_pairs_add_run_config(struct slot_table *table, const json_t *object);

/*
 * slot_pairs_print_maps - the array "maps" of @object as a table, after an empty
 * line, ids only where the maps exist; nothing where there are no maps. Returns 0 or -ENOMEM.
 */
int slot_pairs_print_maps(const json_t *object, const struct slot_look *look, FILE *out);

#endif
