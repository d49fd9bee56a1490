/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON forms of what an object is and asks for, shared by state, overrides and canaries. */
#ifndef SLOT_OBJECT_JSON_H
#define SLOT_OBJECT_JSON_H

#include "loader/lib/registry/state.h"

/*
 * A mask of verdicts and ROOT_ALLOW_SKIP as an array of names: the member @name of
 * @json. _to_json returns a new reference or NULL when memory is out, _from_json 0,
 * or -EINVAL, also for one that is not in @known.
 */
json_t *slot_verdicts_to_json(__u8 mask);
int slot_verdicts_from_json(const json_t *json, const char *name, __u8 known,
			    struct slot_reason *why, __u8 *ret_mask);

/* slot_run_config_to_json - a new reference, or NULL when memory is out. */
json_t *slot_run_config_to_json(const struct slot_run_config *run);

/* slot_object_id_to_json - a new reference, or NULL when memory is out. */
json_t *slot_object_id_to_json(const struct slot_object_id *object);

/* slot_object_id_from_json - the member @key of @json, if any. Returns 0 or -EINVAL. */
int slot_object_id_from_json(const json_t *json, const char *key, struct slot_reason *why,
			     bool *ret_has_object, struct slot_object_id *ret_object);

#endif
