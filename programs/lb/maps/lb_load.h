/* SPDX-License-Identifier: GPL-2.0-only */
/* The model as the maps have it, and what has to be done before it can be changed. */
#ifndef LB_LOAD_H
#define LB_LOAD_H

#include "programs/lb/model/lb_model.h"
#include "programs/lb/maps/lb_maps.h"

/*
 * lb_load - the model in the maps. @ret_model: lb_model_free.
 *
 * Without @has_lists server ids and source prefixes are left out.
 * Of a change that broke off it takes, VIP by VIP, what packets see already.
 */
int lb_load(const struct lb_maps *maps, bool has_lists, struct slot_reason *why,
	    struct lb_model *ret_model);

/*
 * lb_repair - clean up what a change that broke off has left.
 *
 * @model is what lb_load() found, and has to be loaded again when @ret_is_changed.
 * Whatever it is killed in the middle of, it may be run again. Returns 0 or -errno.
 */
int lb_repair(const struct lb_maps *maps, const struct lb_model *model, struct slot_reason *why,
	      bool *ret_is_changed);

#endif
