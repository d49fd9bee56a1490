/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the root has to know about a program's instructions before it takes them over. */
#ifndef ROOT_BODY_H
#define ROOT_BODY_H

#include "dispatcher/root.h"

/*
 * slot_root_body_starts - where the functions of @body start, entry first,
 * sorted and without duplicates: the targets of its calls and of the function
 * addresses it takes. @ret_starts is the caller's (free). Returns 0, -ENOMEM,
 * or -EINVAL for a target outside of the body.
 */
int slot_root_body_starts(const struct root_body *body, size_t **ret_starts, size_t *ret_count);

/* slot_root_body_has_tail_call - whether any function of @body makes a tail call. */
bool slot_root_body_has_tail_call(const struct root_body *body);

/*
 * slot_root_body_obstacle - why @body cannot become part of another program, in
 * words, or NULL: what it names by its own program's descriptor table loses its
 * meaning elsewhere. Everything else is position independent.
 */
const char *slot_root_body_obstacle(const struct root_body *body);

#endif
