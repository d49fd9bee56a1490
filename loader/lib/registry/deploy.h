/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a deploy asks for, from the JSON of the request (docs/api.md). Pure. */
#ifndef SLOT_DEPLOY_H
#define SLOT_DEPLOY_H

#include "loader/lib/registry/map_orders.h"
#include "loader/lib/registry/state.h"
#include "loader/lib/registry/watch.h"

#define SLOT_FILE_NAME_MAX 256 /* base name of an object's file, with the NUL */
#define SLOT_ORDER_MAPS_MAX 64 /* names of maps in one list */

/* One slot's part of it; the object comes beside it. */
struct slot_order {
	unsigned int slot;
	char name[SLOT_FILE_NAME_MAX]; /* of the object's file, for messages */
	struct slot_canary canary;     /* its object is not known yet */
	struct slot_map_orders maps;   /* without who asks */
};

struct slot_deploy {
	bool has_generation;
	unsigned int generation; /* that has to run for this to be carried out */
	struct slot_order orders[ROOT_SLOTS];
	size_t order_count;
	bool has_watch;
	struct slot_watch_terms watch;
};

/*
 * slot_deploy_parse - @size bytes at @text, strictly: a member that is not
 * known is refused, since it would not be done. Each slot is there once, and
 * there is at least one. Returns 0, -EINVAL and why, or -ENOMEM. @ret_deploy:
 * slot_deploy_free.
 */
int slot_deploy_parse(const char *text, size_t size, struct slot_reason *why,
		      struct slot_deploy *ret_deploy);

/* slot_deploy_slots - bit per slot that it names. */
__u32 slot_deploy_slots(const struct slot_deploy *deploy);

void slot_deploy_free(struct slot_deploy *deploy);

/*
 * slot_map_resets_parse - maps that start empty, as a query names them ("2:seen,2:flows"): into
 * the orders of their slots, @ret_maps, ROOT_SLOTS of them, all zero. Returns 0, -EINVAL or
 * -ENOMEM, says why. @ret_maps: slot_map_orders_free each, after failures too.
 */
int slot_map_resets_parse(const char *text, struct slot_reason *why,
			  struct slot_map_orders *ret_maps);

/* slot_slots_parse - slots as a query names them ("2,7"), as bits. Returns 0 or -EINVAL. */
int slot_slots_parse(const char *text, __u32 *ret_slots);

#endif
