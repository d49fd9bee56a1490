/* SPDX-License-Identifier: GPL-2.0-only */
/* What the load balancer says of VIPs and reals, as of one generation. */
#ifndef HWMARK_VIEW_H
#define HWMARK_VIEW_H

#include <limits.h>

#include "programs/hwmark/maps/hwmark_maps.h"
#include "programs/lb/model/lb_model.h"

struct hwmark_view {
	char lb_dir[PATH_MAX]; /* of its maps */
	struct lb_model model;
	bool has_model;
	__u32 generation;	  /* the model's; 0: none yet */
	__u32 since[LB_VIPS_MAX]; /* by number: the VIP leads as it does from then on, for sure */
};

/*
 * hwmark_view_find - the load balancer that lends its maps to the slot with @maps in
 * @map_dir: its maps are in a folder beside that. Returns 0, -ENOENT, or -errno; says why.
 */
int hwmark_view_find(const char *map_dir, const struct hwmark_maps *maps, struct slot_reason *why,
		     struct hwmark_view *view);
/*
 * hwmark_view_check_lent - whether it still lends them: its lb_generation is that of @maps. Returns
 * as program_maps_check().
 */
int hwmark_view_check_lent(const struct hwmark_view *view, const struct hwmark_maps *maps);

/*
 * hwmark_view_sync - read all of it, if the generation is another than the view's. Returns 0,
 * -EBUSY where a command is still changing it after 100 ms, -EAGAIN where it changes all the
 * while, or -errno; says why, and then the view is as it was.
 */
int hwmark_view_sync(struct hwmark_view *view, const struct hwmark_maps *maps,
		     struct slot_reason *why, bool *ret_is_new);
void hwmark_view_free(struct hwmark_view *view);

/*
 * hwmark_view_take - @model, which it takes over, is what the load balancer says in
 * @generation, which is newer than the view's. Pure.
 */
void hwmark_view_take(struct hwmark_view *view, struct lb_model *model, __u32 generation);

/*
 * hwmark_view_judge - whether packets of @entry, which was true in its generation, may go as it
 * says: hwmark_entry_check(), the real is in, and the VIP's ring is the one of that generation.
 * Returns 0, or -ESTALE and says what is not so. Pure.
 */
int hwmark_view_judge(const struct hwmark_view *view, const struct hwmark_entry *entry,
		      struct slot_reason *why);

#endif
