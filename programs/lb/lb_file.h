/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that the load balancer is told, as one JSON document. Pure: no system call but
 * for memory. README.md describes the members.
 */
#ifndef LB_FILE_H
#define LB_FILE_H

#include <jansson.h>

#include "programs/lb/lb_edit.h"

#define LB_FILE_VERSION 1

/* Each returns a new reference, or NULL for lack of memory. */
json_t *lb_file_format(const struct lb_model *model);
json_t *lb_file_vip(const struct lb_model *model, const struct lb_model_vip *vip);
json_t *lb_file_own(const struct lb_model *model, const struct lb_own *own);
json_t *lb_file_settings(const struct lb_settings *settings);

#endif
