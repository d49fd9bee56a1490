/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/maps/lb_load.h"
#include "programs/lb/maps/lb_pages.h"

static int write_failed(struct slot_reason *why, enum lb_map map, int err)
{
	return slot_reason_set(why, err, "cannot repair map '%s': %s", lb_map_shape(map)->name,
			       strerror(-err));
}

/* What a member is to be, now that its VIP's element says which state is true. */
static int settle_member(const struct lb_maps *maps, const struct lb_model *model,
			 const struct lb_member_key *key, const struct lb_member *member)
{
	const struct lb_model_vip *vip = key->vip < LB_VIPS_MAX ? &model->vips[key->vip] : NULL;
	const struct lb_own *own = vip && vip->is_used ? lb_model_own_find(vip, key->real) : NULL;
	struct lb_member settled = {};
	int fd = maps->fds[LB_MAP_MEMBERS];

	if (!own)
		return bpf_map_delete_elem(fd, key);
	settled.weight = own->weight;
	settled.flags = own->flags;
	return memcmp(&settled, member, sizeof(settled)) ?
		       bpf_map_update_elem(fd, key, &settled, BPF_ANY) :
		       0;
}

static bool is_settled(const struct lb_model *model, const struct lb_member_key *key,
		       const struct lb_member *member)
{
	return !(member->flags & LB_MEMBER_CHANGING) && key->vip < LB_VIPS_MAX &&
	       model->vips[key->vip].is_used;
}

static int repair_members(const struct lb_maps *maps, const struct lb_model *model,
			  struct slot_reason *why, bool *is_changed)
{
	_cleanup_(lb_elements_free) struct lb_elements members = {};
	int err = lb_elements_read(maps, LB_MAP_MEMBERS, why, &members);

	for (__u32 i = 0; !err && i < members.count; i++) {
		const struct lb_member_key *key = (const struct lb_member_key *)members.keys + i;
		const struct lb_member *member = (const struct lb_member *)members.values + i;

		if (is_settled(model, key, member))
			continue;
		*is_changed = true;
		err = settle_member(maps, model, key, member);
		if (err)
			err = write_failed(why, LB_MAP_MEMBERS, err);
	}
	return err;
}

/* Its members have gone already; it comes behind all that are free. */
static int free_number(const struct lb_maps *maps, __u32 number, const struct lb_note *old,
		       __u32 freed, struct slot_reason *why)
{
	struct lb_note note = { .freed = freed, .life = old->life };
	int err;

	lb_pages_delete(maps, number, 0);
	lb_pages_delete(maps, number, 1);
	err = bpf_map_update_elem(maps->fds[LB_MAP_NOTES], &number, &note, BPF_ANY);
	return err ? write_failed(why, LB_MAP_NOTES, err) : 0;
}

static int repair_vips(const struct lb_maps *maps, const struct lb_model *model,
		       struct slot_reason *why, bool *is_changed)
{
	_cleanup_(lb_elements_free) struct lb_elements elements = {};
	int err = lb_elements_read(maps, LB_MAP_NOTES, why, &elements);
	const struct lb_note *notes = (const struct lb_note *)elements.values;
	bool is_waited = false;
	__u32 freed = 0;

	for (__u32 n = 0; !err && n < elements.count; n++)
		freed = notes[n].freed > freed ? notes[n].freed : freed;
	for (__u32 n = 0; !err && n < elements.count; n++) {
		const struct lb_model_vip *vip = &model->vips[n];
		bool is_left = vip->is_used ? lb_pages_exist(maps, n, !vip->ring) :
					      notes[n].is_used;

		if (!is_left)
			continue;
		/* Whoever was killed may not have waited until packets were through. */
		if (!is_waited)
			lb_grace(maps);
		is_waited = true;
		if (vip->is_used) {
			lb_pages_delete(maps, n, !vip->ring);
		} else {
			*is_changed = true;
			err = free_number(maps, n, &notes[n], ++freed, why);
		}
	}
	return err;
}

int lb_repair(const struct lb_maps *maps, const struct lb_model *model, struct slot_reason *why,
	      bool *ret_is_changed)
{
	bool is_changed = false;
	int err;

	/* Who was killed may not have come to it. */
	lb_maps_raise(maps);
	err = repair_members(maps, model, why, &is_changed);
	if (!err)
		err = repair_vips(maps, model, why, &is_changed);
	if (!err)
		*ret_is_changed = is_changed;
	return err;
}
