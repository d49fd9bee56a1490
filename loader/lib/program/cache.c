/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/cache.h"

#include <string.h>

#include "loader/lib/program/limits.h"

#define CACHED_MAX (ROOT_SLOTS * ROOT_VERSIONS)

static bool is_match(const struct slot_cached_program *cached, const struct slot_state *slot,
		     enum bpf_prog_type type, bool has_frags)
{
	return cached->program && cached->program->type == type && cached->has_frags == has_frags &&
	       !strcmp(cached->name, slot->name) && !strcmp(cached->sha256, slot->object.sha256) &&
	       !strcmp(cached->function, slot->program) &&
	       slot_settings_is_equal(&cached->settings, &slot->settings) &&
	       slot_program_limits_is_known(cached->program, &slot->limits);
}

struct slot_program *slot_program_cache_find(const struct slot_program_cache *cache,
					     const struct slot_state *slot, enum bpf_prog_type type,
					     bool has_frags)
{
	unsigned int i;

	for (i = 0; i < CACHED_MAX; i++)
		if (is_match(&cache->programs[i], slot, type, has_frags))
			return cache->programs[i].program;
	return NULL;
}

static void clear_entry(struct slot_cached_program *cached)
{
	slot_program_free(cached->program);
	slot_settings_free(&cached->settings);
	*cached = (struct slot_cached_program){ 0 };
}

static void set_entry(struct slot_cached_program *cached, const struct slot_state *slot,
		      bool has_frags, struct slot_program *program)
{
	*cached = (struct slot_cached_program){ .program = program, .has_frags = has_frags };
	memcpy(cached->name, slot->name, sizeof(cached->name));
	memcpy(cached->sha256, slot->object.sha256, sizeof(cached->sha256));
	memcpy(cached->function, slot->program, sizeof(cached->function));
	if (slot_settings_copy(&slot->settings, &cached->settings))
		clear_entry(cached);
}

void slot_program_cache_set(struct slot_program_cache *cache, const struct slot_chain_state *state,
			    bool has_frags,
			    struct slot_program *programs[ROOT_VERSIONS][ROOT_SLOTS])
{
	struct slot_program_cache old = *cache;
	unsigned int i;
	unsigned int k;

	memset(cache, 0, sizeof(*cache));
	for (i = 0; i < CACHED_MAX; i++) {
		enum root_version version = i / ROOT_SLOTS;
		struct slot_program *program = programs[version][i % ROOT_SLOTS];
		struct slot_state slot = slot_state_version(&state->slots[i % ROOT_SLOTS], version);

		if (!program)
			continue;
		for (k = 0; k < CACHED_MAX; k++)
			if (old.programs[k].program == program)
				old.programs[k].program = NULL;
		set_entry(&cache->programs[i], &slot, has_frags, program);
	}
	slot_program_cache_clear(&old);
}

void slot_program_cache_clear(struct slot_program_cache *cache)
{
	unsigned int i;

	for (i = 0; i < CACHED_MAX; i++)
		clear_entry(&cache->programs[i]);
}
