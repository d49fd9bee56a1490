/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A watch: a new version is on trial until a deadline. What it counts is held
 * against what the version before it counted (a canary: against the version
 * beside it), and where it does worse than its terms allow the slot goes back.
 * Pure.
 */
#ifndef SLOT_WATCH_H
#define SLOT_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define SLOT_WATCH_SECONDS_MAX 86400U
/* With fewer packets than these a ratio says nothing. */
#define SLOT_WATCH_PACKETS_MIN 100U

struct slot_watch_terms {
	unsigned int seconds;
	bool has_drop;
	unsigned int max_drop_ppm; /* so much more of a million packets may be dropped */
	bool has_abort;
	__u64 max_abort; /* so many more packets may be aborted or denied */
};

struct slot_watch_counts {
	__u64 seen;
	__u64 dropped;
	__u64 aborted; /* aborted or denied */
};

/*
 * slot_watch_judge - whether @since, what the watched version counted, is worse
 * than @before allows under @terms; then @ret_text (size bytes) says in what.
 *
 * The ratio of drops counts from SLOT_WATCH_PACKETS_MIN packets on; where
 * @before has fewer, nothing is known of it, and it counts as free of drops and
 * aborts.
 */
bool slot_watch_judge(const struct slot_watch_terms *terms, const struct slot_watch_counts *before,
		      const struct slot_watch_counts *since, char *ret_text, size_t size);

#endif
