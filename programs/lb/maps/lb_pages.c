/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/maps/lb_pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "programs/lb/ring/lb_ring.h"
#include "programs/lb/ring/lb_transition.h"

#define GONE_WORDS ((LB_REAL_INDEXES + 63) / 64)

static int read_page(const struct lb_maps *maps, enum lb_map map, __u32 key,
		     struct slot_reason *why, void *ret_page)
{
	int err = lb_maps_get(maps, map, &key, why, ret_page);

	if (err == -ENOENT) {
		memset(ret_page, 0, lb_map_shape(map)->value_size);
		return 0;
	}
	return err;
}

int lb_pages_read(const struct lb_maps *maps, __u32 number, __u8 ring, struct slot_reason *why,
		  struct lb_pages *ret_pages)
{
	int err = 0;

	for (__u32 i = 0; !err && i < LB_RING_PAGES; i++)
		err = read_page(maps, LB_MAP_RINGS, LB_PAGE_KEY(number, ring, i), why,
				&ret_pages->entries[i * LB_PAGE_ENTRIES]);
	for (__u32 i = 0; !err && i < LB_PREVIOUS_PAGES; i++)
		err = read_page(maps, LB_MAP_PREVIOUS, LB_PREVIOUS_KEY(number, ring, i), why,
				&ret_pages->previous[i * LB_PREVIOUS_ENTRIES]);
	return err;
}

static bool is_zero(const struct lb_previous *page)
{
	static const struct lb_previous_page zero;

	return !memcmp(page, &zero, sizeof(zero));
}

int lb_pages_write(struct lb_journal *journal, __u32 number, __u8 ring,
		   const struct lb_pages *pages, struct slot_reason *why)
{
	int err = 0;

	for (__u32 i = 0; !err && i < LB_RING_PAGES; i++) {
		__u32 key = LB_PAGE_KEY(number, ring, i);

		err = lb_journal_write(
			journal,
			&(struct lb_element){ .map = LB_MAP_RINGS,
					      .key = &key,
					      .value = &pages->entries[i * LB_PAGE_ENTRIES] },
			why);
	}
	for (__u32 i = 0; !err && i < LB_PREVIOUS_PAGES; i++) {
		const struct lb_previous *page = &pages->previous[i * LB_PREVIOUS_ENTRIES];
		__u32 key = LB_PREVIOUS_KEY(number, ring, i);

		err = lb_journal_write(journal,
				       &(struct lb_element){ .map = LB_MAP_PREVIOUS,
							     .key = &key,
							     .value = is_zero(page) ? NULL : page },
				       why);
	}
	return err;
}

void lb_pages_delete(const struct lb_maps *maps, __u32 number, __u8 ring)
{
	for (__u32 i = 0; i < LB_PREVIOUS_PAGES; i++) {
		__u32 key = LB_PREVIOUS_KEY(number, ring, i);

		bpf_map_delete_elem(maps->fds[LB_MAP_PREVIOUS], &key);
	}
	for (__u32 i = LB_RING_PAGES; i-- > 0;) {
		__u32 key = LB_PAGE_KEY(number, ring, i);

		bpf_map_delete_elem(maps->fds[LB_MAP_RINGS], &key);
	}
}

bool lb_pages_exist(const struct lb_maps *maps, __u32 number, __u8 ring)
{
	__u32 key = LB_PAGE_KEY(number, ring, 0);
	struct lb_ring_page page;

	return !bpf_map_lookup_elem(maps->fds[LB_MAP_RINGS], &key, &page);
}

static bool takes_flows(const struct lb_own *own)
{
	return !(own->flags & LB_MEMBER_FLAGS);
}

int lb_pages_build(const struct lb_model *model, const struct lb_model_vip *vip,
		   struct slot_reason *why, __u32 *ret_ring)
{
	_cleanup_free_ struct lb_ring_real *reals = calloc(vip->count + 1, sizeof(*reals));
	int err;

	if (!reals)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	for (size_t i = 0; i < vip->count; i++) {
		const struct lb_own *own = &vip->reals[i];
		struct lb_host host = lb_model_host(&model->reals[own->real]);

		reals[i] = (struct lb_ring_real){
			.is_ip6 = host.is_ip6,
			.weight = takes_flows(own) ? own->weight : 0,
			.index = own->real,
		};
		memcpy(reals[i].addr, host.bytes, sizeof(reals[i].addr));
	}
	err = lb_ring_build((enum lb_ring_kind)vip->set.ring_kind, reals, vip->count, ret_ring);
	return err ? slot_reason_set(why, err, "cannot build a ring: %s", strerror(-err)) : 0;
}

/* Reals that are the VIP's no more, or down: flows to them are not worth keeping. */
static void find_gone(const struct lb_model_vip *vip, __u64 *ret_gone)
{
	memset(ret_gone, 0xff, GONE_WORDS * sizeof(*ret_gone));
	for (size_t i = 0; i < vip->count; i++)
		if (!(vip->reals[i].flags & LB_MEMBER_OUT))
			ret_gone[vip->reals[i].real / 64] &= ~(1ULL << vip->reals[i].real % 64);
}

/* The ring alone, without history. */
static void set_plain(const __u32 *ring, struct lb_pages *pages)
{
	memset(pages, 0, sizeof(*pages));
	memcpy(pages->entries, ring, LB_RING_SIZE * sizeof(*ring));
}

int lb_pages_plan(const struct lb_model *current, const struct lb_model *wanted, __u32 number,
		  struct slot_reason *why, struct lb_pages *pages)
{
	_cleanup_free_ __u32 *ring = calloc(LB_RING_SIZE, sizeof(*ring));
	const struct lb_model_vip *old = &current->vips[number];
	struct lb_model_vip *vip = &wanted->vips[number];
	__u64 gone[GONE_WORDS];
	int err;

	if (!ring)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = lb_pages_build(wanted, vip, why, ring);
	if (err)
		return err;
	vip->previous_until = 0;
	if (vip->set.table != LB_TABLE_TRANSITIONS || !old->is_used || !old->has_ring) {
		set_plain(ring, pages);
		return 0;
	}
	find_gone(vip, gone);
	lb_transition_plan(
		&(struct lb_transition){
			.entries = pages->entries,
			.previous = pages->previous,
			.ring = ring,
			.gone = gone,
			.previous_until = old->previous_until,
			.now = slot_clock_ns(),
			.window = vip->set.window,
			.was_recorded = old->set.table == LB_TABLE_FLOWS,
		},
		pages->entries, pages->previous, &vip->previous_until);
	return 0;
}
