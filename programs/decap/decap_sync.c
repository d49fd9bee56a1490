/* SPDX-License-Identifier: GPL-2.0-only */
/* The ids of a file that all programs have: this host's become those that decap compares with. */
#include <errno.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "programs/decap/decap.h"
#include "programs/shared/maps.h"

/* This host's of the file. Returns 0, or -E2BIG and says why. */
static int collect_own(const struct program_ids *ids, struct slot_reason *why,
		       __u32 own[DECAP_IDS_MAX], size_t *ret_count)
{
	*ret_count = 0;
	for (size_t i = 0; i < ids->count; i++) {
		if (!ids->list[i].is_here)
			continue;
		if (*ret_count == DECAP_IDS_MAX)
			return slot_reason_set(why, -E2BIG,
					       "%s%s: decap compares with %d ids of a host at most",
					       ids->path, ids->list[i].where, DECAP_IDS_MAX);
		own[(*ret_count)++] = ids->list[i].id;
	}
	return 0;
}

static bool has_id(const __u32 *list, size_t count, __u32 id)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == id)
			return true;
	return false;
}

/* Whether those of @own fit beside the @old_count of @old. */
static bool fits_beside(const __u32 *own, size_t count, const __u32 *old, size_t old_count)
{
	size_t both = old_count;

	for (size_t i = 0; i < count; i++)
		both += !has_id(old, old_count, own[i]);
	return both <= DECAP_IDS_MAX;
}

/* What the second of @lists does not have of the first is told, and done. */
static int change_others(const struct program_ids *ids, const struct decap_maps *maps,
			 const __u32 *lists[2], const size_t counts[2], const char *what,
			 struct slot_reason *why)
{
	int err = 0;

	for (size_t i = 0; !err && i < counts[0]; i++) {
		if (has_id(lists[1], counts[1], lists[0][i]))
			continue;
		ids->tell(ids, what, lists[0][i], 0);
		if (!ids->is_dry)
			err = *what == 'a' ? decap_id_add(maps, lists[0][i], why) :
					     decap_id_del(maps, lists[0][i], why);
	}
	return err;
}

/* Half-way there are more ids than are to be, if there is room, so that none that is right is missing. */
static int change_all(const struct program_ids *ids, const struct decap_maps *maps,
		      const __u32 *lists[3], const size_t counts[3], struct slot_reason *why)
{
	bool is_add_first = fits_beside(lists[0], counts[0], lists[1], counts[1]);
	int err = 0;

	if (is_add_first)
		err = change_others(ids, maps, lists, counts, "add", why);
	err = err ? err : change_others(ids, maps, &lists[1], &counts[1], "del", why);
	if (!is_add_first)
		err = err ? err : change_others(ids, maps, lists, counts, "add", why);
	return err;
}

int decap_sync_ids(const struct program_ids *ids, struct slot_reason *why)
{
	_cleanup_(decap_maps_close) struct decap_maps maps = DECAP_MAPS_CLOSED;
	__u32 own[DECAP_IDS_MAX] = {}, old[DECAP_IDS_MAX] = {};
	const __u32 *lists[] = { own, old, own };
	_cleanup_close_ int lock = -1;
	size_t counts[3] = {};
	int err = collect_own(ids, why, own, &counts[0]);

	err = err || ids->is_dry ? err : program_maps_lock(ids->map_dir, why, &lock);
	err = err ? err : decap_maps_open(ids->map_dir, !ids->is_dry, why, &maps);
	err = err ? err : decap_ids_get(&maps, why, old, &counts[1]);
	counts[2] = counts[0];
	return err ? err : change_all(ids, &maps, lists, counts, why);
}
