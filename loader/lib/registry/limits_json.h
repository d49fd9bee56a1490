/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON form of a reservation's limits, for records and for the API. */
#ifndef SLOT_LIMITS_JSON_H
#define SLOT_LIMITS_JSON_H

#include <jansson.h>

#include "loader/lib/base/reason.h"
#include "loader/lib/config/limits.h"

/*
 * slot_limits_to_json - a new reference, or NULL when memory is out. What is not
 * limited has no member.
 */
json_t *slot_limits_to_json(const struct slot_limits *limits);

/* slot_limits_from_json - the member "limits" of @json; none where it is absent. Returns 0 or -EINVAL. */
int slot_limits_from_json(const json_t *json, struct slot_reason *why,
			  struct slot_limits *ret_limits);

#endif
