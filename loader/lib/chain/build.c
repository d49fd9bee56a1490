/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loader/lib/chain/internal.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "loader/lib/program/limits.h"
#include "loader/lib/program/map_loan.h"
#include "loader/lib/program/maps.h"
#include "loader/lib/registry/adoption.h"

static bool is_same_canary(const struct slot_state *a, const struct slot_state *b)
{
	return !strcmp(a->name, b->name) &&
	       !strcmp(a->canary.object.sha256, b->canary.object.sha256);
}

/* A canary begins with the generation before which its slot had none, or another object. */
static void describe_canaries(struct slot_generation *generation,
			      const struct slot_generation *current)
{
	unsigned int i, k;

	for (i = 0; i < ROOT_SLOTS; i++) {
		const struct slot_state *slot = &generation->state.slots[i];

		if (!slot_state_is_running(slot) || !slot->canary.present)
			continue;
		generation->canary_since[i] = generation->number;
		for (k = 0; current && k < ROOT_SLOTS; k++)
			if (current->canary_since[k] &&
			    is_same_canary(&current->state.slots[k], slot))
				generation->canary_since[i] = current->canary_since[k];
	}
}

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
	generation->watches = attempt->watches;
	slot_watches_del_over(&generation->watches, &generation->state);
	describe_canaries(generation, chain->current);
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

/* One program of the chain to be: a version of a slot, and what it is made of. */
struct part {
	unsigned int slot;
	enum root_version version;
	struct slot_state state; /* a view: not to be freed */
};

#define PARTS (ROOT_SLOTS * ROOT_VERSIONS)

/* Part @i of PARTS. Returns whether it runs. */
static bool get_part(const struct slot_chain_state *chain, unsigned int i, struct part *ret_part)
{
	const struct slot_state *slot = &chain->slots[i / ROOT_VERSIONS];

	ret_part->slot = i / ROOT_VERSIONS;
	ret_part->version = i % ROOT_VERSIONS;
	if (!slot_state_is_running(slot))
		return false;
	ret_part->state = slot_state_version(slot, ret_part->version);
	return ret_part->state.has_object;
}

static struct slot_program **opened_of(struct slot_attempt *attempt, const struct part *part)
{
	return &attempt->opened[part->version][part->slot];
}

static int prefix_part(const struct part *part, int err, struct slot_reason *why)
{
	return slot_reason_prefix(why, err, "slot %u (%s%s): ", part->slot, part->state.name,
				  part->version == ROOT_CANARY ? ", canary" : "");
}

static int open_from_store(struct slot_attempt *attempt, const struct part *part,
			   struct slot_reason *why)
{
	const struct slot_state *state = &part->state;
	struct slot_blob blob;
	int err;

	err = slot_store_get(&attempt->chain->host->store, state->object.sha256, state->object.name,
			     why, &blob);
	if (!err) {
		err = slot_program_open(&blob, state->program, &state->settings, why,
					opened_of(attempt, part));
		slot_blob_free(&blob);
	}
	if (!err)
		err = slot_program_check_hook(*opened_of(attempt, part), attempt->chain->hook, why);
	return err;
}

static int open_part(struct slot_attempt *attempt, const struct part *part, struct slot_reason *why)
{
	int err = part->state.object.is_adopted ?
			  slot_attempt_open_adopted(attempt, part->slot, &part->state, why,
						    opened_of(attempt, part)) :
			  open_from_store(attempt, part, why);

	return err ? prefix_part(part, err, why) : 0;
}

static bool is_map_current(const struct slot_attempt *attempt, const struct part *part,
			   const struct slot_program *program)
{
	const struct bpf_object *object = program->object;
	const char *maps_of = part->state.limits.maps_of;
	char lender[PATH_MAX];
	char dir[PATH_MAX];
	bool has_lender = !slot_chain_lender_dir(attempt->chain, maps_of, lender);

	if (slot_pin_path(dir, attempt->map_dir, "%s", part->state.name))
		return false;
	return slot_program_maps_is_current(program, dir) &&
	       (!object || slot_map_loans_hold(object, dir, has_lender ? lender : NULL));
}

/* Whether its maps, or those that it borrows, are to be others than they were. */
static bool has_orders(const struct slot_attempt *attempt, const struct part *part)
{
	const struct slot_state *slots = attempt->desired.slots;
	const struct slot_state *lender =
		slot_chain_state_find(&attempt->desired, part->state.limits.maps_of);

	if (!attempt->map_orders)
		return false;
	return !slot_map_orders_is_empty(&attempt->map_orders[part->slot]) ||
	       (lender && !slot_map_orders_is_empty(&attempt->map_orders[lender - slots]));
}

/* A program is loaded with its maps: it fits again only while they are the slot's, and shall stay so. */
static struct slot_program *find_cached(const struct slot_attempt *attempt, const struct part *part,
					bool has_frags)
{
	const struct slot_chain *chain = attempt->chain;
	struct slot_program *program;

	if (has_orders(attempt, part))
		return NULL;
	program = slot_program_cache_find(&chain->cache, &part->state, chain->engine->type,
					  has_frags);
	return program && is_map_current(attempt, part, program) ? program : NULL;
}

/* A program that is in memory or opened from the store, loaded with frags or without. */
static int find_program(struct slot_attempt *attempt, const struct part *part,
			struct slot_reason *why, bool *ret_has_frags)
{
	const struct slot_program *program = find_cached(attempt, part, true);
	int err;

	if (!program)
		program = find_cached(attempt, part, false);
	if (!program) {
		err = open_part(attempt, part, why);
		if (err)
			return err;
		program = *opened_of(attempt, part);
	}
	*ret_has_frags = program->has_frags;
	return 0;
}

static bool is_same_program(const struct slot_state *a, const struct slot_state *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->object.sha256, b->object.sha256) &&
	       !strcmp(a->program, b->program) &&
	       slot_settings_is_equal(&a->settings, &b->settings);
}

/* What maps are lent by whom is read in objects, also where the grant is gone. */
static bool is_in_loan(const struct slot_attempt *attempt, const struct part *part,
		       const struct bpf_object *object)
{
	bool is_found = slot_map_has_loans(object);
	unsigned int i;

	for (i = 0; i < ROOT_SLOTS; i++)
		is_found |= !strcmp(attempt->desired.slots[i].limits.maps_of, part->state.name);
	return is_found;
}

/* After a restart the running generation's pins give back what need not be loaded again. */
static void reopen_pinned(struct slot_attempt *attempt, const struct part *part)
{
	const struct slot_generation *current = attempt->chain->current;
	struct slot_program **opened = opened_of(attempt, part);
	struct slot_program *program = NULL;
	struct part running;
	char dir[PATH_MAX];
	unsigned int i;

	/* Without its object nobody could keep its program arrays from being emptied. */
	if (!current || current->engine != attempt->chain->engine ||
	    current->has_frags != attempt->has_frags || has_orders(attempt, part) ||
	    is_in_loan(attempt, part, (*opened)->object) ||
	    slot_program_maps_has_code((*opened)->object) ||
	    slot_generation_dir(attempt->chain->dir, current->number, dir))
		return;
	for (i = 0; i < PARTS && !program; i++)
		if (get_part(&current->state, i, &running) &&
		    is_same_program(&running.state, &part->state) &&
		    !current->engine->reopen(dir, running.slot, running.version, &program))
			program->held_to = slot_limits_mask(&running.state.limits);
	if (!program)
		return;
	if (!is_map_current(attempt, part, program) ||
	    !slot_program_limits_is_known(program, &part->state.limits)) {
		slot_program_free(program);
		return;
	}
	program->has_frags = (*opened)->has_frags;
	slot_program_free(*opened);
	*opened = program;
}

static int choose_program(struct slot_attempt *attempt, const struct part *part,
			  struct slot_reason *why)
{
	struct slot_program **chosen = &attempt->programs[part->version][part->slot];
	int err;

	*chosen = find_cached(attempt, part, attempt->has_frags);
	if (*chosen)
		return 0;
	if (!*opened_of(attempt, part)) {
		err = open_part(attempt, part, why);
		if (err)
			return err;
	}
	if (part->state.object.is_adopted) {
		err = slot_attempt_check_adopted(attempt, *opened_of(attempt, part), why);
		if (err)
			return prefix_part(part, err, why);
	} else {
		reopen_pinned(attempt, part);
	}
	*chosen = *opened_of(attempt, part);
	return 0;
}

/*
 * A program is loaded once, and an extension is linked into one stub of a root. The hash
 * that chooses by flow reads packets as XDP programs do.
 */
static int check_canaries(const struct slot_attempt *attempt, struct slot_reason *why)
{
	enum root_kind kind = slot_hook_kind(attempt->chain->hook);
	const struct slot_chain_state *state = &attempt->desired;
	unsigned int i;

	for (i = 0; i < ROOT_SLOTS; i++) {
		const struct slot_state *slot = &state->slots[i];

		if (!slot_state_is_running(slot) || !slot->canary.present)
			continue;
		if (kind != ROOT_KIND_XDP && !slot->canary.cpus)
			return slot_reason_set(why, -EOPNOTSUPP,
					       "slot %u (%s): in a chain of %s programs a canary "
					       "is chosen by CPU (--canary cpu:LIST), not by flow",
					       i, slot->name, slot_program_kind_get(kind)->name);
		if (!strcmp(slot->object.sha256, slot->canary.object.sha256))
			return slot_reason_set(why, -EINVAL,
					       "slot %u (%s): its canary is the object that the "
					       "slot runs anyway: promote or abort it first",
					       i, slot->name);
	}
	return 0;
}

/* The chain takes multi-buffer packets only if all of its programs do. */
int slot_attempt_open(struct slot_attempt *attempt, struct slot_reason *why)
{
	bool has_frags = false;
	struct part part;
	unsigned int i;
	int err = check_canaries(attempt, why);

	if (!err)
		err = slot_adoption_check_limits(&attempt->desired, why);
	attempt->has_frags = true;
	for (i = 0; i < PARTS && !err; i++) {
		if (!get_part(&attempt->desired, i, &part))
			continue;
		err = find_program(attempt, &part, why, &has_frags);
		attempt->has_frags = attempt->has_frags && !err && has_frags;
	}
	for (i = 0; i < PARTS && !err; i++)
		if (get_part(&attempt->desired, i, &part))
			err = choose_program(attempt, &part, why);
	attempt->generation->has_frags = attempt->has_frags;
	return err;
}

/* In each generation that runs them, so that they last as long as any of them. */
static int pin_code(const struct slot_attempt *attempt, struct slot_reason *why)
{
	char dir[PATH_MAX];
	struct part part;
	unsigned int i;
	int err = 0;

	for (i = 0; i < PARTS && !err; i++) {
		if (!get_part(&attempt->desired, i, &part))
			continue;
		err = slot_pin_path(dir, attempt->dir, SLOT_PIN_CODE "_%02u%s", part.slot,
				    part.version == ROOT_CANARY ? "_c" : "");
		if (!err)
			err = slot_program_maps_pin_code(attempt->programs[part.version][part.slot],
							 dir, why);
	}
	return err;
}

static int find_lenders(const struct slot_attempt *attempt, char *ret_dirs[ROOT_SLOTS])
{
	char dir[PATH_MAX];
	enum slot_hook hook;

	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		const char *maps_of = attempt->desired.slots[i].limits.maps_of;

		if (!slot_lender_split(maps_of, attempt->chain->hook, &hook) ||
		    hook == attempt->chain->hook)
			continue;
		if (slot_chain_lender_dir(attempt->chain, maps_of, dir))
			return -ENAMETOOLONG;
		ret_dirs[i] = strdup(dir);
		if (!ret_dirs[i])
			return -ENOMEM;
	}
	return 0;
}

static int build_root(struct slot_attempt *attempt, struct slot_build *build,
		      struct slot_reason *why)
{
	struct slot_generation *generation = attempt->generation;
	int err = find_lenders(attempt, build->lender_dirs);

	if (err)
		return slot_reason_set(why, err, "cannot tell where lent maps are: %s",
				       strerror(-err));
	return generation->engine->build(generation->engine, build, why, &generation->root_fd);
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
		.map_orders = attempt->map_orders,
		.log_dir = attempt->chain->host->store.log_dir,
		.counters_fd = generation->counters_fd,
		.cpu_max = attempt->cpu_max,
	};
	int err;

	memcpy(build.programs, attempt->programs[ROOT_STABLE], sizeof(build.programs));
	memcpy(build.canaries, attempt->programs[ROOT_CANARY], sizeof(build.canaries));
	err = build_root(attempt, &build, why);
	for (unsigned int i = 0; i < ROOT_SLOTS; i++)
		free(build.lender_dirs[i]);
	if (!err)
		err = pin_code(attempt, why);
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
	unsigned int i;

	for (i = 0; i < PARTS; i++)
		slot_program_free(attempt->opened[i % ROOT_VERSIONS][i / ROOT_VERSIONS]);
	memset(attempt->opened, 0, sizeof(attempt->opened));
	if (!attempt->generation)
		return;
	if (attempt->was_swapped && !attempt->is_folder_new)
		slot_chain_retire(chain, attempt->generation, NULL);
	else
		slot_chain_drop(chain, attempt->generation);
	attempt->generation = NULL;
	if (!attempt->is_folder_new)
		return;
	/* The first attempt of all: not even the folder of the chain stays. */
	if (chain->totals_fd >= 0)
		close(TAKE_FD(chain->totals_fd));
	slot_pin_remove_all(chain->dir);
}
