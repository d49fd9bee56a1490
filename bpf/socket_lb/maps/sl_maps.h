/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pinned maps of socket_lb, for the command line and for server processes alike: needs neither
 * slotd nor root, only permission to write the pins. What is in them: sl_vip.h, sl_instance.h,
 * sl_sockets.h, sl_flows.h; what an instance lives through: sl_takeover.h.
 *
 * Every function that changes something holds flock(LOCK_EX) on the folder meanwhile, so that
 * two processes that start at once come one after the other: waited for at most ten seconds, then
 * it is -EBUSY. A lock ends with its process;
 * each step leaves the maps such that the next writer can go on, and packets find whoever
 * still serves. All return 0 or -errno and say why. Not for several threads at one struct sl_maps.
 */
#ifndef SL_MAPS_H
#define SL_MAPS_H

#include <stdbool.h>

#include <linux/types.h>

#include "loader/lib/base/reason.h"

struct sl_maps {
	int dir; /* the folder, to lock it */
	int vips;
	int active;
	int instances;
	int sockets;
	int flows;
	int counts;
};

#define SL_MAPS_CLOSED                                                                             \
	{                                                                                          \
		.dir = -1,                                                                         \
		.vips = -1,                                                                        \
		.active = -1,                                                                      \
		.instances = -1,                                                                   \
		.sockets = -1,                                                                     \
		.flows = -1,                                                                       \
		.counts = -1,                                                                      \
	}

/* sl_maps_open - those pinned in @map_dir; to read them alone, read permission is enough. */
int sl_maps_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		 struct sl_maps *ret_maps);
void sl_maps_close(struct sl_maps *maps);

/* sl_counts_clear - the VIP of index @vip counts from 0. Returns 0 or -errno; says why. */
int sl_counts_clear(const struct sl_maps *maps, __u32 vip, struct slot_reason *why);

/*
 * sl_maps_check - that the pins in @map_dir are still those of @maps. Returns 0, or -ESTALE where
 * those that hold a registration are others, or none: the chain was taken away, or has its maps
 * made anew. @ret_is_other: flows or counts alone are. Who may not look any more, as it gave up
 * the right to, is told nothing.
 */
int sl_maps_check(struct sl_maps *maps, const char *map_dir, bool *ret_is_other);

/* sl_maps_are_same - whether who is registered in @a is so in @b. */
bool sl_maps_are_same(struct sl_maps *a, struct sl_maps *b);

/*
 * sl_lock - wait until no other writer changes the maps. @ret_locked is for sl_unlock(). -EBUSY:
 * another one held the lock for ten seconds, longer than any change takes.
 */
int sl_lock(const struct sl_maps *maps, struct slot_reason *why, int *ret_locked);
void sl_unlock(int *locked);

#endif
