/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Members of a JSON object, read strictly: one that is missing or of another
 * type is refused by its name. Each returns 0 or -EINVAL; @why says which.
 */
#ifndef SLOT_JSON_H
#define SLOT_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"

#include "loader/lib/base/reason.h"

/* slot_json_get - the member @name, of @type; borrowed from @object. */
int slot_json_get(const json_t *object, const char *name, json_type type, struct slot_reason *why,
		  json_t **ret_member);

int slot_json_get_bool(const json_t *object, const char *name, struct slot_reason *why,
		       bool *ret_bool);

/* slot_json_get_number - an integer from 0 to below @end. */
int slot_json_get_number(const json_t *object, const char *name, unsigned int end,
			 struct slot_reason *why, unsigned int *ret_number);

/* slot_json_get_text - a string without NUL bytes into @size bytes at @ret_text. */
int slot_json_get_text(const json_t *object, const char *name, size_t size, struct slot_reason *why,
		       char *ret_text);

static inline void slot_cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(slot_cleanup_json)

#endif
