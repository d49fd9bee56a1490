/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that the load balancer is told, as one JSON document. Pure: no system call but
 * for memory. README.md describes the members.
 */
#ifndef LB_FILE_H
#define LB_FILE_H

#include <jansson.h>

#include "programs/lb/model/lb_edit.h"

#define LB_FILE_VERSION 1

/* Each returns a new reference, or NULL for lack of memory. */
json_t *lb_file_format(const struct lb_model *model);
json_t *lb_file_vip(const struct lb_model *model, const struct lb_model_vip *vip);
json_t *lb_file_own(const struct lb_model *model, const struct lb_own *own);
json_t *lb_file_settings(const struct lb_settings *settings);

/*
 * lb_file_parse - make @model what the document in @text, @len bytes, says.
 *
 * Numbers and indexes of what stays the same are kept, and so is the secret seed.
 * Every member has to be known and of its type. A model after a failure is not to be
 * committed. Returns 0, -EINVAL or another of lb_edit.h's and says why, -ENOMEM.
 */
int lb_file_parse(const char *text, size_t len, struct lb_model *model, struct slot_reason *why);

/*
 * lb_katran_parse - add to @model the VIPs and reals of a Katran-style list, in the
 * words of its example services: see README.md. As lb_file_parse() otherwise.
 */
int lb_katran_parse(const char *text, size_t len, struct lb_model *model, struct slot_reason *why);

/* lb_json_load - the object in @text, no member twice; a new reference. Returns 0 or -EINVAL. */
int lb_json_load(const char *text, size_t len, struct slot_reason *why, json_t **ret_root);

/* lb_json_refuse - make @why fit for a terminal, whatever the file held. Returns @err. */
int lb_json_refuse(struct slot_reason *why, int err);

/* lb_json_known - whether all members of @object are among @names, which end with NULL. */
int lb_json_known(const json_t *object, const char *const *names, struct slot_reason *why);

#endif
