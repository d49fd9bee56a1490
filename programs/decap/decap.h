/* SPDX-License-Identifier: GPL-2.0-only */
/* decap's addresses, ids and settings: in words, as keys, and in the pinned maps of its slot. */
#ifndef DECAP_H
#define DECAP_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "programs/cli.h"
#include "programs/decap/decap_abi.h"
#include "programs/shared/prefix.h"

/* --- words (pure) ---------------------------------------------------------------------------- */

/* decap_prefix_to_address - whether @prefix is a single address, and that as a key of decap_addrs. */
bool decap_prefix_to_address(const struct slot_prefix *prefix, struct decap_address *ret_address);

/*
 * decap_control_parse - change what "KEY=VALUE" in @text says in @control: gue-port, strict,
 * tcp-option. Returns 0, -ENOENT for another key, -EINVAL; says why.
 */
int decap_control_parse(const char *text, struct slot_reason *why, struct decap_control *control);

/* --- maps ------------------------------------------------------------------------------------ */

/* The open maps of a slot; -1 where not. */
struct decap_maps {
	int addresses;
	int prefixes;
	int served;
	int ids;
	int control;
};

#define DECAP_MAPS_CLOSED { -1, -1, -1, -1, -1 }

/* decap_maps_open - those pinned in @map_dir; all or none. Returns 0 or -errno, and says why. */
int decap_maps_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		    struct decap_maps *ret_maps);
void decap_maps_close(struct decap_maps *maps);

/*
 * decap_ends_get - where tunnels end, sorted; decap_served_get - which inner destinations are
 * served, none: all. @ret_prefixes is the caller's to free. Returns 0 or -errno, and says why.
 */
int decap_ends_get(const struct decap_maps *maps, struct slot_reason *why,
		   struct slot_prefix **ret_prefixes, size_t *ret_count);
int decap_served_get(const struct decap_maps *maps, struct slot_reason *why,
		     struct slot_prefix **ret_prefixes, size_t *ret_count);

/*
 * decap_end_add - let tunnels end at @prefix; once more is no error. decap_end_del - no longer.
 * Returns 0, -ENOENT where none did, -errno; says why. The caller holds program_maps_lock().
 */
int decap_end_add(const struct decap_maps *maps, const struct slot_prefix *prefix,
		  struct slot_reason *why);
int decap_end_del(const struct decap_maps *maps, const struct slot_prefix *prefix,
		  struct slot_reason *why);

/*
 * The same of inner destinations and of this host's ids. The first and the last one change
 * whether they are asked for at all. Likewise under the lock.
 */
int decap_served_add(const struct decap_maps *maps, const struct slot_prefix *prefix,
		     struct slot_reason *why);
int decap_served_del(const struct decap_maps *maps, const struct slot_prefix *prefix,
		     struct slot_reason *why);
int decap_id_add(const struct decap_maps *maps, __u32 id, struct slot_reason *why);
int decap_id_del(const struct decap_maps *maps, __u32 id, struct slot_reason *why);

/* decap_ids_get - this host's ids, sorted, in @ret_ids. Returns 0 or -errno, and says why. */
int decap_ids_get(const struct decap_maps *maps, struct slot_reason *why,
		  __u32 ret_ids[DECAP_IDS_MAX], size_t *ret_count);

/* decap_sync_ids - what struct program_cli calls sync_ids. */
int decap_sync_ids(const struct program_ids *ids, struct slot_reason *why);

/*
 * decap_control_get, decap_control_set - the settings, as a whole; whoever changes them holds
 * program_maps_lock() from one to the other. Return 0 or -errno, and say why.
 */
int decap_control_get(const struct decap_maps *maps, struct slot_reason *why,
		      struct decap_control *ret_control);
int decap_control_set(const struct decap_maps *maps, const struct decap_control *control,
		      struct slot_reason *why);

#endif
