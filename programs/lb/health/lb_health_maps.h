/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What there is to be checked, as the maps of the load balancer say, and the marks by
 * which lb_hc sends probes there.
 */
#ifndef LB_HEALTH_MAPS_H
#define LB_HEALTH_MAPS_H

#include "bpf/lb_hc/lb_hc.h"
#include "programs/lb/health/lb_health.h"
#include "programs/lb/model/lb_model.h"

struct lb_health_view {
	struct lb_health_seen *seen; /* of VIPs that have a check */
	size_t count;
	struct lb_hc_mark *marks; /* of all VIPs, by mark, so that two checkers agree */
	size_t mark_count;
	bool needs_marks;     /* something of @seen does */
	bool has_transitions; /* VIPs whose rings have to be refreshed */
	size_t unasked;	      /* VIPs that the default is not for, and that have no other check */
	size_t strays;	      /* checks of VIPs that do not exist */
	const struct lb_health_check *stray; /* the first of them, the file's */
	size_t sourceless; /* reals that are asked from source4 or source6, which is not set */
	size_t orphans;	   /* reals that a checker took out, of VIPs without a check */
};

/* lb_health_view_make - @ret_view: lb_health_view_free. Returns 0 or -ENOMEM. */
int lb_health_view_make(const struct lb_model *model, const struct lb_health_file *file,
			struct lb_health_view *ret_view);
void lb_health_view_free(struct lb_health_view *view);

/*
 * lb_health_dir_find - where @file names no folder of lb_hc's maps: that of the slot lb_hc at
 * the TC egress of the interface whose chain has lb's maps in @map_dir, if it is there.
 */
void lb_health_dir_find(const char *map_dir, struct lb_health_file *file);

/*
 * lb_health_marks_set - make the file's block of marks in lb_hc's maps those of @view;
 * other marks stay. Returns 0, -EINVAL where marks are needed and the file names no
 * maps, or -errno; says why.
 */
int lb_health_marks_set(const struct lb_health_file *file, const struct lb_health_view *view,
			struct slot_reason *why);

/* lb_health_sent_get - how many marked packets lb_hc has sent to reals. Returns 0 or -errno. */
int lb_health_sent_get(const struct lb_health_file *file, struct slot_reason *why, __u64 *ret_sent);

/*
 * lb_health_is_busy - whether another command is at the maps in @map_dir right now;
 * one that is stopped would have lb_open() wait for it, and no real be asked.
 */
bool lb_health_is_busy(const char *map_dir);

#endif
