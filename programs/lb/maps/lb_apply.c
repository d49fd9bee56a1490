/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/maps/lb_apply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/maps/lb_pages.h"
#include "programs/lb/maps/lb_stats.h"

static int write_one(struct lb_change *change, enum lb_map map, const void *key, const void *value,
		     struct slot_reason *why)
{
	return lb_journal_write(&change->journal,
				&(struct lb_element){ .map = map, .key = key, .value = value },
				why);
}

/* What comes to an index or a number begins to count with 0; no packet counts there yet. */
static int write_reals(struct lb_change *change, struct slot_reason *why)
{
	const struct lb_real *reals = change->wanted->reals, *old = change->current->reals;
	int err = 0;

	for (__u32 i = 1; !err && i < LB_REAL_INDEXES; i++) {
		if (!(reals[i].flags & LB_REAL_USED))
			continue;
		if (!(old[i].flags & LB_REAL_USED))
			err = lb_stats_reset(change->journal.maps, LB_MAP_REAL_COUNTS, i, why);
		if (!err)
			err = write_one(change, LB_MAP_REALS, &i, &reals[i], why);
	}
	return err;
}

static bool have_same_reals(const struct lb_model_vip *a, const struct lb_model_vip *b)
{
	return a->count == b->count &&
	       (!a->count || !memcmp(a->reals, b->reals, a->count * sizeof(*a->reals)));
}

static bool needs_ring(const struct lb_model_vip *old, const struct lb_model_vip *vip)
{
	return vip->is_used &&
	       (!old->is_used || vip->is_stale || !have_same_reals(old, vip) ||
		old->set.ring_kind != vip->set.ring_kind || old->set.table != vip->set.table);
}

/* One member, which either state may lack. */
static int write_member(struct lb_change *change, const struct lb_member_key *key,
			const struct lb_own *old, const struct lb_own *own, struct slot_reason *why)
{
	__u8 ring = change->wanted->vips[key->vip].ring;
	struct lb_member member = {
		.weight = old ? old->weight : 0,
		.flags = (old ? old->flags : 0) | LB_MEMBER_CHANGING | (ring ? LB_MEMBER_TO_1 : 0),
		.next_weight = own ? own->weight : 0,
		.next_flags = own ? own->flags : 0,
	};

	if (old && own && !memcmp(old, own, sizeof(*own)))
		return 0;
	return write_one(change, LB_MAP_MEMBERS, key, &member, why);
}

static int settle_member(struct lb_change *change, const struct lb_member_key *key,
			 const struct lb_own *old, const struct lb_own *own,
			 struct slot_reason *why)
{
	struct lb_member member = {};

	if (old && own && !memcmp(old, own, sizeof(*own)))
		return 0;
	member.weight = own ? own->weight : 0;
	member.flags = own ? own->flags : 0;
	return write_one(change, LB_MAP_MEMBERS, key, own ? &member : NULL, why);
}

/* Calls @write for each real that the VIP has or had. */
static int each_member(struct lb_change *change, __u32 number,
		       int (*write)(struct lb_change *, const struct lb_member_key *,
				    const struct lb_own *, const struct lb_own *,
				    struct slot_reason *),
		       struct slot_reason *why)
{
	const struct lb_model_vip *old = &change->current->vips[number];
	const struct lb_model_vip *vip = &change->wanted->vips[number];
	size_t i = 0, k = 0;
	int err = 0;

	while (!err && (i < old->count || k < vip->count)) {
		const struct lb_own *was = i < old->count ? &old->reals[i] : NULL;
		const struct lb_own *own = k < vip->count ? &vip->reals[k] : NULL;
		struct lb_member_key key = { .vip = number };

		if (was && own && was->real != own->real) {
			if (was->real < own->real)
				own = NULL;
			else
				was = NULL;
		}
		i += !!was;
		k += !!own;
		key.real = was ? was->real : own->real;
		err = write(change, &key, was, own, why);
	}
	return err;
}

static struct lb_note make_note(const struct lb_model_vip *vip)
{
	struct lb_note note = { .freed = vip->freed, .life = vip->last_life };

	if (!vip->is_used)
		return note;
	note.port = htons(vip->name.port);
	note.proto = vip->name.proto;
	note.is_ip6 = vip->name.prefix.addr.is_ip6;
	note.prefix_len = vip->name.prefix.len;
	note.is_used = 1;
	memcpy(note.addr, vip->name.prefix.addr.bytes, sizeof(note.addr));
	return note;
}

/*
 * A ring that does not go on with the eras of the one before begins a life of its own: the
 * flow table may still know flows of a VIP with this address.
 */
static void renew_life(struct lb_change *change, __u32 number)
{
	const struct lb_model_vip *old = &change->current->vips[number];
	struct lb_model_vip *vips = change->wanted->vips, *vip = &vips[number];
	__u32 life = 0;

	if (old->is_used && old->has_ring &&
	    (old->set.table != LB_TABLE_TRANSITIONS || vip->set.table == LB_TABLE_TRANSITIONS))
		return;
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		life = vips[n].last_life > life ? vips[n].last_life : life;
	vip->last_life = life + 1;
	vip->life = (__u16)vip->last_life;
}

/* The ring beside the one that counts, and what its members come to be. */
static int prepare_vip(struct lb_change *change, __u32 number, struct slot_reason *why)
{
	const struct lb_model_vip *old = &change->current->vips[number];
	struct lb_model_vip *vip = &change->wanted->vips[number];
	_cleanup_free_ struct lb_pages *pages = calloc(1, sizeof(*pages));
	struct lb_note note;
	int err;

	if (!pages)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	renew_life(change, number);
	note = make_note(vip);
	vip->ring = old->is_used ? !old->ring : 0;
	vip->turn = old->is_used ? old->turn + 1 : 0;
	vip->has_ring = vip->count > 0;
	err = write_one(change, LB_MAP_NOTES, &number, &note, why);
	if (!err && !old->is_used)
		err = lb_stats_reset(change->journal.maps, LB_MAP_VIP_COUNTS, number, why);
	if (!err && old->is_used && old->has_ring)
		err = lb_pages_read(change->journal.maps, number, old->ring, why, pages);
	if (!err)
		err = lb_pages_plan(change->current, change->wanted, number, why, pages);
	if (!err && vip->has_ring)
		err = lb_pages_write(&change->journal, number, vip->ring, pages, why);
	return err ? err : each_member(change, number, write_member, why);
}

static struct lb_vip make_vip(const struct lb_model_vip *vip, __u32 number)
{
	return (struct lb_vip){
		.number = number,
		.flags = (__u16)vip->set.flags,
		.life = vip->life,
		.encap = vip->set.encap,
		.table = vip->set.table,
		.ring = vip->ring,
		.has_ring = vip->has_ring,
		.ring_kind = vip->set.ring_kind,
		.turn = vip->turn,
		.window = vip->set.window,
		.previous_until = vip->previous_until,
	};
}

static int write_vip(struct lb_change *change, const struct lb_vip_name *name,
		     const struct lb_vip *value, struct slot_reason *why)
{
	const struct lb_model *current = change->current;
	const struct lb_model_vip *old = lb_model_vip_find(current, name);
	struct lb_vip_place place = lb_vip_place(name);
	struct lb_vip was = {};

	if (old)
		was = make_vip(old, (__u32)(old - current->vips));
	return lb_journal_write(&change->journal,
				&(struct lb_element){
					.map = place.map,
					.key = &place.key,
					.value = value,
					.old = old ? &was : NULL,
				},
				why);
}

/* From here on packets see the new state; or, where it goes, none. */
static int switch_vip(struct lb_change *change, __u32 number, bool is_del, struct slot_reason *why)
{
	const struct lb_model_vip *old = &change->current->vips[number];
	const struct lb_model_vip *vip = &change->wanted->vips[number];
	struct lb_vip value = make_vip(vip, number);

	if (!is_del)
		return vip->is_used ? write_vip(change, &vip->name, &value, why) : 0;
	/* It may have come back with another number. */
	if (!old->is_used || vip->is_used || lb_model_vip_find(change->wanted, &old->name))
		return 0;
	return write_vip(change, &old->name, NULL, why);
}

/* The number of a VIP that goes is not another's before it has gone for good. */
static int check_numbers(const struct lb_change *change, struct slot_reason *why)
{
	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *old = &change->current->vips[n];
		const struct lb_model_vip *vip = &change->wanted->vips[n];

		if (old->is_used && vip->is_used && lb_vip_name_compare(&old->name, &vip->name))
			return slot_reason_set(why, -E2BIG,
					       "so many VIPs cannot come and go at once; delete "
					       "some first");
	}
	return 0;
}

static int prepare(struct lb_change *change, struct slot_reason *why)
{
	int err = check_numbers(change, why);

	err = err ? err : write_reals(change, why);
	for (__u32 n = 0; !err && n < LB_VIPS_MAX; n++)
		if (needs_ring(&change->current->vips[n], &change->wanted->vips[n]))
			err = prepare_vip(change, n, why);
	return err;
}

/* Packets see each of these at once, so they come when the rings are there. */
static int add_lists(struct lb_change *change, struct slot_reason *why)
{
	int err = lb_apply_marks(change, false, why);

	err = err ? err : lb_apply_returns(change, false, why);
	err = err ? err : lb_apply_ids(change, false, why);
	err = err ? err : lb_apply_sources(change, false, why);
	return err ? err : lb_apply_tunnels(change, false, why);
}

static int switch_over(struct lb_change *change, struct slot_reason *why)
{
	int err = 0;

	for (__u32 n = 0; !err && n < LB_VIPS_MAX; n++)
		err = switch_vip(change, n, false, why);
	if (!err)
		err = lb_apply_control(change, why);
	for (__u32 n = 0; !err && n < LB_VIPS_MAX; n++)
		err = switch_vip(change, n, true, why);
	return err;
}

static int finish(struct lb_change *change, struct slot_reason *why)
{
	int err = 0;

	for (__u32 n = 0; !err && n < LB_VIPS_MAX; n++)
		err = each_member(change, n, settle_member, why);
	err = err ? err : lb_apply_marks(change, true, why);
	err = err ? err : lb_apply_returns(change, true, why);
	err = err ? err : lb_apply_ids(change, true, why);
	err = err ? err : lb_apply_sources(change, true, why);
	return err ? err : lb_apply_tunnels(change, true, why);
}

/* Its note goes last: as long as it is there, the next command looks for what is left. */
static void clean_up_vip(const struct lb_change *change, __u32 number)
{
	const struct lb_maps *maps = change->journal.maps;
	const struct lb_model_vip *old = &change->current->vips[number];
	const struct lb_model_vip *vip = &change->wanted->vips[number];
	struct lb_note note = make_note(vip);

	if (!old->is_used)
		return;
	if (!vip->is_used || vip->ring != old->ring)
		lb_pages_delete(maps, number, old->ring);
	if (!vip->is_used)
		bpf_map_update_elem(maps->fds[LB_MAP_NOTES], &number, &note, BPF_ANY);
}

/* What no packet uses any more. Elements of arrays can always be written. */
static void clean_up(const struct lb_change *change)
{
	lb_grace(change->journal.maps);
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		clean_up_vip(change, n);
	for (__u32 i = 1; i < LB_REAL_INDEXES; i++)
		if (change->current->reals[i].flags & LB_REAL_USED &&
		    !(change->wanted->reals[i].flags & LB_REAL_USED))
			bpf_map_update_elem(change->journal.maps->fds[LB_MAP_REALS], &i,
					    &change->wanted->reals[i], BPF_ANY);
}

static int take_back(struct lb_change *change, int err, struct slot_reason *why)
{
	int undo_err = lb_journal_undo(&change->journal);

	if (!undo_err)
		return slot_reason_append(why, err, "; nothing was changed");
	return slot_reason_append(
		why, err,
		"; taking it back failed too (%s): each VIP is as it was or as it "
		"was to be, and the next command repairs what is left",
		strerror(-undo_err));
}

int lb_apply(struct lb_change *change, struct slot_reason *why)
{
	int err = prepare(change, why);

	err = err ? err : add_lists(change, why);
	err = err ? err : switch_over(change, why);
	if (!err && change->journal.count)
		lb_maps_raise(change->journal.maps);
	err = err ? err : finish(change, why);
	if (err)
		return take_back(change, err, why);
	if (change->journal.count)
		clean_up(change);
	return 0;
}
