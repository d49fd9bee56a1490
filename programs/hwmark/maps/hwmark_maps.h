/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hwmark's pinned maps: entries written and freed, counters read. The maps that it borrows of
 * the load balancer are pinned beside them.
 */
#ifndef HWMARK_MAPS_H
#define HWMARK_MAPS_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "programs/hwmark/hwmark_abi.h"

/* -1 where closed. */
struct hwmark_maps {
	int entries;
	int counts;
	int generation; /* lb_generation */
	int reals;	/* lb_reals */
	int agent;
	int flush;
	struct hwmark_entry *mapped; /* the entries; NULL for readers */
	__u32 marks;		     /* entries there are: marks are below, and above 0 */
};

#define HWMARK_MAPS_CLOSED { -1, -1, -1, -1, -1, -1, NULL, 0 }

/* hwmark_maps_open - those in @map_dir, all or none. Returns 0 or -errno, and says why. */
int hwmark_maps_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		     struct hwmark_maps *ret_maps);
void hwmark_maps_close(struct hwmark_maps *maps);

/* hwmark_generation_get - lb_generation as it is now. Returns 0 or -errno, and says why. */
int hwmark_generation_get(const struct hwmark_maps *maps, struct slot_reason *why,
			  __u32 *ret_generation);

/*
 * hwmark_entry_get - of @mark, without what is the data plane's own. Returns 0, -EINVAL for what
 * is no mark, -errno; says why.
 */
int hwmark_entry_get(const struct hwmark_maps *maps, __u32 mark, struct slot_reason *why,
		     struct hwmark_entry *ret_entry);
/* hwmark_entry_is_free - whether @mark, which is one, stands for nothing. For writers. */
bool hwmark_entry_is_free(const struct hwmark_maps *maps, __u32 mark);

/*
 * hwmark_entry_write - @mark, whose entry is free, is @entry's from now on; no rule has it yet.
 * hwmark_entry_renew - the entry, which was written before, holds for @generation. Return 0,
 * -EINVAL for what is no mark, -ESTALE for an entry that has ended, -errno; say why.
 */
int hwmark_entry_write(const struct hwmark_maps *maps, __u32 mark, const struct hwmark_entry *entry,
		       struct slot_reason *why);
int hwmark_entry_renew(const struct hwmark_maps *maps, __u32 mark, __u32 generation,
		       struct slot_reason *why);

/*
 * hwmark_entries_free - the entries of @count @marks, whose rules are gone, are free, and no
 * packet is under way any more that saw them: waits once for all of them, some 10 ms. Returns 0
 * or -errno, and says why; what was freed before stays so.
 */
int hwmark_entries_free(const struct hwmark_maps *maps, const __u32 *marks, size_t count,
			struct slot_reason *why);

/* Whether the entry of @mark stays. */
typedef bool hwmark_is_kept(const void *context, __u32 mark);

/*
 * hwmark_entries_clear - free all entries but those that @is_kept (NULL: none) says to keep, and
 * wait as hwmark_entries_free, where there were any. For writers.
 */
void hwmark_entries_clear(const struct hwmark_maps *maps, hwmark_is_kept *is_kept,
			  const void *context);

/* hwmark_counts_get - by enum hwmark_counter, of all CPUs. Returns 0 or -errno, and says why. */
int hwmark_counts_get(const struct hwmark_maps *maps, struct slot_reason *why,
		      __u64 ret_counts[LB_COUNTERS]);

/*
 * hwmark_agent_get, hwmark_agent_set - what the agent says of itself. hwmark_flush_get,
 * hwmark_flush_set - how often it was asked to take off its rules. Return 0 or -errno; say why.
 */
int hwmark_agent_get(const struct hwmark_maps *maps, struct slot_reason *why,
		     struct hwmark_agent *ret_agent);
int hwmark_agent_set(const struct hwmark_maps *maps, const struct hwmark_agent *agent,
		     struct slot_reason *why);
int hwmark_flush_get(const struct hwmark_maps *maps, struct slot_reason *why, __u64 *ret_number);
int hwmark_flush_set(const struct hwmark_maps *maps, __u64 number, struct slot_reason *why);

/*
 * hwmark_lock - be the only one that writes entries of the maps in @map_dir, as long as @ret_fd
 * is open; waits up to @wait_ms for whoever is. Returns 0, -EBUSY where the agent or a command
 * still is, or -errno; says why.
 */
int hwmark_lock(const char *map_dir, unsigned int wait_ms, struct slot_reason *why, int *ret_fd);
/* hwmark_is_locked - whether there is somebody. */
bool hwmark_is_locked(const char *map_dir);

#endif
