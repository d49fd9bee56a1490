/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/cache.h"

#include <string.h>

static bool is_match(const struct slot_cached_program *cached, const struct slot_state *slot,
		     enum bpf_prog_type type, bool has_frags)
{
	return cached->program && cached->program->type == type && cached->has_frags == has_frags &&
	       !strcmp(cached->name, slot->name) && !strcmp(cached->sha256, slot->object.sha256) &&
	       !strcmp(cached->function, slot->program) &&
	       slot_settings_is_equal(&cached->settings, &slot->settings);
}

struct slot_program *slot_program_cache_find(const struct slot_program_cache *cache,
					     const struct slot_state *slot, enum bpf_prog_type type,
					     bool has_frags)
{
	unsigned int i;

	for (i = 0; i < ROOT_SLOTS; i++)
		if (is_match(&cache->slots[i], slot, type, has_frags))
			return cache->slots[i].program;
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
			    bool has_frags, struct slot_program *programs[ROOT_SLOTS])
{
	struct slot_program_cache old = *cache;
	unsigned int i;
	unsigned int k;

	memset(cache, 0, sizeof(*cache));
	for (i = 0; i < ROOT_SLOTS; i++) {
		if (!programs[i])
			continue;
		for (k = 0; k < ROOT_SLOTS; k++)
			if (old.slots[k].program == programs[i])
				old.slots[k].program = NULL;
		set_entry(&cache->slots[i], &state->slots[i], has_frags, programs[i]);
	}
	slot_program_cache_clear(&old);
}

void slot_program_cache_clear(struct slot_program_cache *cache)
{
	unsigned int i;

	for (i = 0; i < ROOT_SLOTS; i++)
		clear_entry(&cache->slots[i]);
}
