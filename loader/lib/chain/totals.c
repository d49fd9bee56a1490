/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/totals.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/host/pins.h"

#define PIN_TOTALS "totals"
#define PIN_NEXT "totals_next" /* what shall take the name over */

/* Version 1 had no number in it; it is known by its size. */
struct totals_v1 {
	__u64 packets;
	__u64 passed;
	struct {
		__u64 seen;
		__u64 verdicts[8];
	} slots[20];
	__u64 folded[16];
	__u64 folded_next;
};

_Static_assert(sizeof(struct totals_v1) == 1592, "as slotd 0.1.0 pinned it");
_Static_assert(ROOT_SLOTS == 20 && ROOT_COL_COUNT == 8 && SLOT_FOLDED_MAX == 16,
	       "version 1 is carried over member by member");

static int set_totals(int fd, const struct slot_totals *totals)
{
	__u32 key = 0;

	return bpf_map_update_elem(fd, &key, totals, BPF_ANY);
}

static int make_totals(const struct slot_totals *totals)
{
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, ROOT_TOTALS_NAME, sizeof(__u32),
						sizeof(*totals), 1, NULL);
	int err = fd < 0 ? fd : set_totals(fd, totals);

	return err ? err : TAKE_FD(fd);
}

int slot_totals_new(void)
{
	struct slot_totals empty = { .version = SLOT_TOTALS_VERSION };

	return make_totals(&empty);
}

int slot_totals_get(int fd, struct slot_totals *ret_totals)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(fd, &key, ret_totals);
}

static int read_v1(int fd, struct slot_totals *ret_totals)
{
	struct slot_totals totals = { .version = SLOT_TOTALS_VERSION };
	struct totals_v1 old;
	unsigned int slot;
	__u32 key = 0;
	int err = bpf_map_lookup_elem(fd, &key, &old);

	if (err)
		return err;
	totals.sums.packets = old.packets;
	totals.sums.passed = old.passed;
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		totals.sums.slots[slot].seen = old.slots[slot].seen;
		memcpy(totals.sums.slots[slot].verdicts, old.slots[slot].verdicts,
		       sizeof(old.slots[slot].verdicts));
	}
	memcpy(totals.folded, old.folded, sizeof(old.folded));
	totals.folded_next = old.folded_next;
	*ret_totals = totals;
	return 0;
}

/* One rename puts the new map in the old one's place: a kill leaves either, whole. */
static int carry_over(int old_fd, const char *dir)
{
	_cleanup_close_ int fd = -1;
	struct slot_totals totals;
	char from[PATH_MAX];
	char to[PATH_MAX];
	int err = read_v1(old_fd, &totals);

	if (err)
		return err;
	fd = make_totals(&totals);
	err = fd < 0 ? fd : slot_pin_path(from, dir, PIN_NEXT);
	if (!err)
		err = slot_pin_path(to, dir, PIN_TOTALS);
	if (!err)
		err = slot_pin_del(dir, PIN_NEXT);
	if (!err)
		err = slot_pin_set(fd, dir, PIN_NEXT);
	if (!err)
		err = SLOT_STEP("totals.carry", rename(from, to) ? -errno : 0);
	return err ? err : TAKE_FD(fd);
}

int slot_totals_open(const char *dir)
{
	_cleanup_close_ int fd = slot_pin_open(dir, PIN_TOTALS);
	struct slot_totals totals;
	__u32 size = 0;
	int err;

	if (fd < 0)
		return fd;
	err = slot_counters_value_size(fd, &size);
	if (err)
		return err;
	if (size == sizeof(struct totals_v1))
		return carry_over(fd, dir);
	if (size != sizeof(totals))
		return -ENOTSUP;
	err = slot_totals_get(fd, &totals);
	if (err)
		return err;
	return totals.version == SLOT_TOTALS_VERSION ? TAKE_FD(fd) : -ENOTSUP;
}

int slot_totals_fold(int totals_fd, const struct slot_fold *fold)
{
	struct slot_totals totals;
	unsigned int i;
	int err = slot_totals_get(totals_fd, &totals);

	if (err)
		return err;
	for (i = 0; i < SLOT_FOLDED_MAX; i++)
		if (totals.folded[i] == fold->number)
			return 0;
	for (i = 0; i < ROOT_SLOTS; i++) {
		__u32 since = fold->lineup.canary_since[i];

		if (since && since == fold->current.canary_since[i])
			slot_counters_choose_slot(&totals.sums, i, since);
	}
	err = slot_counters_add(fold->counters_fd, &fold->lineup, &totals.sums);
	if (err)
		return err;
	totals.folded[totals.folded_next++ % SLOT_FOLDED_MAX] = fold->number;
	return SLOT_STEP("totals.fold", set_totals(totals_fd, &totals));
}
