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

#include <jansson.h>

#include <linux/types.h>

#include "loader/lib/registry/state.h"

#define SLOT_WATCH_SECONDS_MAX 86400U
/* With fewer packets than these a ratio says nothing. */
#define SLOT_WATCH_PACKETS_MIN 100U

#define SLOT_WATCH_NOTE_MAX 512

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

/* One watch. It is part of the chain's record, so that a restart of slotd does not end it. */
struct slot_watch {
	char name[SLOT_NAME_MAX];      /* of the reservation; empty: unused */
	char sha256[SLOT_SHA256_SIZE]; /* of the version on trial */
	bool is_canary;
	unsigned int generation; /* that began it: what was deployed together goes back together */
	struct slot_watch_terms terms;
	__u64 deadline_s; /* CLOCK_BOOTTIME: a reboot ends it, and what it counted */
	/*
	 * By the version before, in its generation. A canary is held against the one beside
	 * it, and this is what it had done itself when the trial began.
	 */
	struct slot_watch_counts before;
	struct slot_watch_counts start; /* what the slot had counted when the trial began */
};

struct slot_watches {
	struct slot_watch slots[ROOT_SLOTS]; /* in no order; found by name */
};

/* slot_watches_find - the watch of the reservation @name, or NULL; owned by @watches. */
const struct slot_watch *slot_watches_find(const struct slot_watches *watches, const char *name);

/* slot_watches_has_any - whether anything is on trial. */
bool slot_watches_has_any(const struct slot_watches *watches);

/* slot_watches_set - @watch takes the place of another of its reservation. Returns 0 or -ENOSPC. */
int slot_watches_set(struct slot_watches *watches, const struct slot_watch *watch);

/* slot_watches_is_equal - the same watches, begun by the same deploys, in the same places. */
bool slot_watches_is_equal(const struct slot_watches *a, const struct slot_watches *b);

void slot_watches_del(struct slot_watches *watches, const char *name);

/*
 * slot_watches_del_over - forget those whose version @state does not run: who
 * deploys another, goes back, disables the slot or promotes the canary has decided.
 */
void slot_watches_del_over(struct slot_watches *watches, const struct slot_chain_state *state);

/*
 * JSON forms, for records. slot_watches_to_json returns a new reference, or NULL
 * when memory is out; slot_watches_from_json takes a missing list (NULL) for none
 * and refuses what does not fit with -EINVAL and why.
 */
json_t *slot_watches_to_json(const struct slot_watches *watches);
int slot_watches_from_json(const json_t *json, struct slot_reason *why,
			   struct slot_watches *ret_watches);

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
