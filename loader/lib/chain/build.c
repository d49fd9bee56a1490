/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "loader/lib/chain/internal.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"

static int describe_attempt(struct slot_attempt *attempt, const char *reason,
			    struct slot_reason *why)
{
	struct slot_chain *chain = attempt->chain;
	struct slot_generation *generation = slot_generation_new(chain->next_number);

	if (!generation || slot_chain_state_copy(&attempt->desired, &generation->state)) {
		slot_generation_free(generation);
		return slot_reason_set(why, -ENOMEM, "out of memory");
	}
	generation->engine = chain->engine;
	generation->overrides = attempt->overrides;
	generation->created = time(NULL);
	snprintf(generation->reason, sizeof(generation->reason), "%s", reason);
	attempt->generation = generation;
	return 0;
}

static int stage_totals(struct slot_chain *chain)
{
	int err;

	if (chain->totals_fd >= 0)
		return 0;
	chain->totals_fd = slot_totals_new();
	if (chain->totals_fd < 0)
		return chain->totals_fd;
	err = slot_pin_set(chain->totals_fd, chain->dir, SLOT_PIN_TOTALS);
	if (err) {
		close(chain->totals_fd);
		chain->totals_fd = -1;
	}
	return err;
}

static int stage_counters(struct slot_attempt *attempt)
{
	int fd;

	if (!attempt->desired.counters)
		return 0;
	fd = slot_counters_new(&attempt->cpu_max);
	if (fd < 0)
		return fd;
	attempt->generation->counters_fd = fd;
	return slot_pin_set(fd, attempt->dir, SLOT_PIN_COUNTERS);
}

int slot_attempt_stage(struct slot_attempt *attempt, const char *reason, struct slot_reason *why)
{
	struct slot_chain *chain = attempt->chain;
	int err = describe_attempt(attempt, reason, why);

	if (err)
		return err;
	attempt->is_folder_new = access(chain->dir, F_OK) != 0;
	err = slot_generation_dir(chain->dir, attempt->generation->number, attempt->dir);
	if (!err)
		err = slot_pin_path(attempt->map_dir, chain->dir, SLOT_PIN_MAPS);
	if (!err)
		err = slot_pin_path(attempt->stage_dir, attempt->dir, SLOT_PIN_MAPS);
	/* What an earlier attempt of this number could not remove must not be in the way. */
	if (!err)
		err = slot_pin_remove_all(attempt->dir);
	if (!err)
		err = slot_pin_mkdir(attempt->dir);
	if (!err)
		err = stage_totals(chain);
	if (!err)
		err = stage_counters(attempt);
	return err ? slot_reason_set(why, err, "cannot stage generation %u in '%s': %s",
				     attempt->generation->number, attempt->dir, strerror(-err)) :
		     0;
}

static int open_from_store(struct slot_attempt *attempt, unsigned int slot, struct slot_reason *why)
{
	const struct slot_state *state = &attempt->desired.slots[slot];
	struct slot_blob blob;
	int err;

	err = slot_store_get(&attempt->chain->host->store, state->object.sha256, state->object.name,
			     why, &blob);
	if (err)
		return err;
	err = slot_program_open(&blob, state->program, &state->settings, why,
				&attempt->opened[slot]);
	slot_blob_free(&blob);
	return err;
}

/* A program that is in memory or opened from the store, loaded with frags or without. */
static int find_program(struct slot_attempt *attempt, unsigned int slot, struct slot_reason *why,
			bool *ret_has_frags)
{
	const struct slot_state *state = &attempt->desired.slots[slot];
	const struct slot_program_cache *cache = &attempt->chain->cache;
	enum bpf_prog_type type = attempt->chain->engine->type;
	struct slot_program *program = slot_program_cache_find(cache, state, type, true);
	int err;

	if (!program)
		program = slot_program_cache_find(cache, state, type, false);
	if (!program) {
		err = open_from_store(attempt, slot, why);
		if (err)
			return slot_reason_prefix(why, err, "slot %u (%s): ", slot, state->name);
		program = attempt->opened[slot];
	}
	*ret_has_frags = program->has_frags;
	return 0;
}

static bool is_same_program(const struct slot_state *a, const struct slot_state *b)
{
	return slot_state_is_running(a) && !strcmp(a->name, b->name) &&
	       !strcmp(a->object.sha256, b->object.sha256) && !strcmp(a->program, b->program) &&
	       slot_settings_is_equal(&a->settings, &b->settings);
}

/* A program taken over from a pin shows no code: it was held against the same limits, or is not taken. */
static bool is_same_grant(const struct slot_limits *a, const struct slot_limits *b)
{
	return !b->has_helpers || (a->has_helpers && a->helpers == b->helpers);
}

/* After a restart the running generation's pins give back what need not be loaded again. */
static void reopen_pinned(struct slot_attempt *attempt, unsigned int slot)
{
	const struct slot_generation *current = attempt->chain->current;
	const struct slot_state *state = &attempt->desired.slots[slot];
	struct slot_program *program = NULL;
	char dir[PATH_MAX];
	unsigned int i;

	if (!current || current->engine != attempt->chain->engine ||
	    current->has_frags != attempt->has_frags ||
	    slot_generation_dir(attempt->chain->dir, current->number, dir))
		return;
	for (i = 0; i < ROOT_SLOTS && !program; i++)
		if (is_same_program(&current->state.slots[i], state) &&
		    is_same_grant(&current->state.slots[i].limits, &state->limits))
			current->engine->reopen(dir, i, &program);
	if (!program)
		return;
	program->has_frags = attempt->opened[slot]->has_frags;
	slot_program_free(attempt->opened[slot]);
	attempt->opened[slot] = program;
}

static int choose_program(struct slot_attempt *attempt, unsigned int slot, struct slot_reason *why)
{
	const struct slot_chain *chain = attempt->chain;
	const struct slot_state *state = &attempt->desired.slots[slot];
	int err;

	attempt->programs[slot] = slot_program_cache_find(&chain->cache, state, chain->engine->type,
							  attempt->has_frags);
	if (attempt->programs[slot])
		return 0;
	if (!attempt->opened[slot]) {
		err = open_from_store(attempt, slot, why);
		if (err)
			return slot_reason_prefix(why, err, "slot %u (%s): ", slot, state->name);
	}
	reopen_pinned(attempt, slot);
	attempt->programs[slot] = attempt->opened[slot];
	return 0;
}

/* The chain takes multi-buffer packets only if all of its programs do. */
int slot_attempt_open(struct slot_attempt *attempt, struct slot_reason *why)
{
	const struct slot_state *slots = attempt->desired.slots;
	unsigned int slot;
	bool has_frags = false;
	int err = 0;

	attempt->has_frags = true;
	for (slot = 0; slot < ROOT_SLOTS && !err; slot++) {
		if (!slot_state_is_running(&slots[slot]))
			continue;
		err = find_program(attempt, slot, why, &has_frags);
		attempt->has_frags = attempt->has_frags && !err && has_frags;
	}
	for (slot = 0; slot < ROOT_SLOTS && !err; slot++)
		if (slot_state_is_running(&slots[slot]))
			err = choose_program(attempt, slot, why);
	attempt->generation->has_frags = attempt->has_frags;
	return err;
}

int slot_attempt_build(struct slot_attempt *attempt, struct slot_reason *why)
{
	struct slot_generation *generation = attempt->generation;
	struct slot_build build = {
		.state = &attempt->desired,
		.has_frags = attempt->has_frags,
		.dir = attempt->dir,
		.map_dir = attempt->map_dir,
		.stage_dir = attempt->stage_dir,
		.log_dir = attempt->chain->host->store.log_dir,
		.counters_fd = generation->counters_fd,
		.cpu_max = attempt->cpu_max,
	};
	int err;

	memcpy(build.programs, attempt->programs, sizeof(build.programs));
	err = generation->engine->build(&build, why, &generation->root_fd);
	if (err)
		return err;
	err = slot_pin_set(generation->root_fd, attempt->dir, SLOT_PIN_ROOT);
	if (!err)
		err = slot_xdp_prog_id(generation->root_fd, &generation->root_id);
	return err ? slot_reason_set(why, err, "cannot pin '%s/" SLOT_PIN_ROOT "': %s",
				     attempt->dir, strerror(-err)) :
		     0;
}

void slot_attempt_keep(struct slot_attempt *attempt)
{
	slot_program_cache_set(&attempt->chain->cache, &attempt->generation->state,
			       attempt->has_frags, attempt->programs);
	memset(attempt->opened, 0, sizeof(attempt->opened));
}

void slot_attempt_discard(struct slot_attempt *attempt)
{
	struct slot_chain *chain = attempt->chain;
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++)
		slot_program_free(attempt->opened[slot]);
	memset(attempt->opened, 0, sizeof(attempt->opened));
	if (!attempt->generation)
		return;
	if (attempt->was_swapped) {
		slot_chain_retire(chain, attempt->generation);
	} else {
		slot_generation_remove(chain->dir, attempt->generation->number, &chain->host->store,
				       chain->interface);
		slot_generation_free(attempt->generation);
	}
	attempt->generation = NULL;
	if (!attempt->is_folder_new)
		return;
	/* The first attempt of all: not even the folder of the chain stays. */
	if (chain->totals_fd >= 0)
		close(TAKE_FD(chain->totals_fd));
	slot_pin_remove_all(chain->dir);
}
