/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/agent/hwmark_view.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "programs/hwmark/maps/hwmark_entry.h"
#include "programs/lb/lb.h"

#define TRIES 16
#define WAIT_MS 100

int hwmark_view_check_lent(const struct hwmark_view *view, const struct hwmark_maps *maps)
{
	const struct program_map_use use = { maps->generation, view->lb_dir, LB_GENERATION_NAME };

	return program_maps_check(&use, 1);
}

/* The borrower has the map as well, and not what lb keeps for itself. */
static int check_lender(const struct hwmark_view *view, const struct hwmark_maps *maps)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" LB_MARK_POOL_NAME, view->lb_dir) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	return access(path, F_OK) ? -errno : hwmark_view_check_lent(view, maps);
}

int hwmark_view_find(const char *map_dir, const struct hwmark_maps *maps, struct slot_reason *why,
		     struct hwmark_view *view)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char copy[PATH_MAX];
	const char *parent;
	bool is_denied = false;
	int err;

	if (snprintf(copy, sizeof(copy), "%s", map_dir) >= (int)sizeof(copy))
		return slot_reason_set(why, -ENAMETOOLONG, "'%s' is too long", map_dir);
	parent = dirname(copy);
	dir = opendir(parent);
	if (!dir)
		return slot_reason_set(why, -errno, "cannot look for lb's maps in '%s': %s", parent,
				       strerror(errno));
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.' ||
		    snprintf(view->lb_dir, sizeof(view->lb_dir), "%s/%s", parent, entry->d_name) >=
			    (int)sizeof(view->lb_dir))
			continue;
		err = check_lender(view, maps);
		if (!err)
			return 0;
		is_denied |= err == -EACCES || err == -EPERM;
	}
	return slot_reason_set(why, -ENOENT,
			       "no slot in '%s' lends its maps to this one (maps_of)%s", parent,
			       is_denied ? ", or it is one whose maps this user may not read" : "");
}

/* Whether flows go the same ways: its ring, and what else chooses. */
static bool is_same_way(const struct lb_model_vip *a, const struct lb_model_vip *b)
{
	if (!a->is_used || !b->is_used || lb_vip_name_compare(&a->name, &b->name))
		return false;
	if (a->life != b->life || a->turn != b->turn || a->set.flags != b->set.flags ||
	    a->set.encap != b->set.encap || a->set.table != b->set.table)
		return false;
	/* Versions that know nothing of turns have changed it, perhaps. */
	return a->count == b->count &&
	       (!a->count || !memcmp(a->reals, b->reals, a->count * sizeof(*a->reals)));
}

void hwmark_view_take(struct hwmark_view *view, struct lb_model *model, __u32 generation)
{
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (!view->has_model || !is_same_way(&view->model.vips[n], &model->vips[n]))
			view->since[n] = generation;
	lb_model_free(&view->model);
	view->model = *model;
	*model = (struct lb_model){};
	view->has_model = true;
	view->generation = generation;
}

static int read_once(struct hwmark_view *view, const struct hwmark_maps *maps,
		     struct slot_reason *why, __u32 before)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	__u32 after = 0;
	int err = lb_look_sure(view->lb_dir, WAIT_MS, why, &lb);

	err = err ? err : hwmark_generation_get(maps, why, &after);
	if (err)
		return err;
	if (before != after)
		return slot_reason_set(why, -EAGAIN, "the load balancer changes all the while");
	hwmark_view_take(view, &lb.current, before);
	return 0;
}

int hwmark_view_sync(struct hwmark_view *view, const struct hwmark_maps *maps,
		     struct slot_reason *why, bool *ret_is_new)
{
	__u32 generation = 0;
	int err = -EAGAIN;

	*ret_is_new = false;
	for (int i = 0; err == -EAGAIN && i < TRIES; i++) {
		err = hwmark_generation_get(maps, why, &generation);
		if (err || (view->has_model && generation == view->generation))
			return err;
		err = read_once(view, maps, why, generation);
		*ret_is_new = !err;
	}
	return err;
}

void hwmark_view_free(struct hwmark_view *view)
{
	lb_model_free(&view->model);
	view->has_model = false;
	view->generation = 0;
}

/* Generations go round. */
static bool is_before(__u32 generation, __u32 other)
{
	return (__s32)(generation - other) < 0;
}

int hwmark_view_judge(const struct hwmark_view *view, const struct hwmark_entry *entry,
		      struct slot_reason *why)
{
	const struct lb_model_vip *vip = &view->model.vips[entry->vip % LB_VIPS_MAX];
	const struct lb_own *own;
	int err = hwmark_entry_check(&view->model, entry, why);

	if (err)
		return err;
	own = lb_model_own_find(vip, entry->real);
	if (!own || own->flags & LB_MEMBER_OUT)
		return slot_reason_set(why, -ESTALE, "real %u is down", entry->real);
	if (is_before(entry->generation, view->since[entry->vip]))
		return slot_reason_set(why, -ESTALE, "VIP %u has another ring", entry->vip);
	if (entry->generation == view->generation)
		return 0;
	/* What the ring decided has to be seen by the flow table while changes are fresh. */
	if (vip->set.table == LB_TABLE_TRANSITIONS)
		return slot_reason_set(why, -ESTALE, "VIP %u has transitions", entry->vip);
	return 0;
}
