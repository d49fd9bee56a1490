/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that are loaded and may be linked again: by what they were made of,
 * so that an unchanged program is never reloaded, whichever generation it was
 * first built for.
 */
#ifndef SLOT_PROGRAM_CACHE_H
#define SLOT_PROGRAM_CACHE_H

#include "loader/lib/program/program.h"
#include "loader/lib/registry/state.h"

struct slot_cached_program {
	struct slot_program *program; /* NULL: unused */
	char name[SLOT_NAME_MAX];     /* of the reservation: its maps are the program's */
	char sha256[SLOT_SHA256_SIZE];
	char function[SLOT_FUNCTION_MAX];
	struct slot_settings settings;
	bool has_frags; /* as loaded */
};

struct slot_program_cache {
	struct slot_cached_program programs[ROOT_SLOTS * ROOT_VERSIONS];
};

/*
 * slot_program_cache_find - the program for @slot as it is (of a canary:
 * slot_state_version), loaded as @type (an engine's) and with or without frags,
 * or NULL; owned by @cache. A canary that becomes the slot's own is found again.
 */
struct slot_program *slot_program_cache_find(const struct slot_program_cache *cache,
					     const struct slot_state *slot, enum bpf_prog_type type,
					     bool has_frags);

/*
 * slot_program_cache_set - keep @programs, those of @state, and free what is no
 * longer among them. Takes the programs over. Without memory for a key a
 * program is freed instead of kept.
 */
void slot_program_cache_set(struct slot_program_cache *cache, const struct slot_chain_state *state,
			    bool has_frags,
			    struct slot_program *programs[ROOT_VERSIONS][ROOT_SLOTS]);

void slot_program_cache_clear(struct slot_program_cache *cache);

#endif
