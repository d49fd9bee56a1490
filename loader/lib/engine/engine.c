/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/engine/engine.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/host/pins.h"
#include "loader/lib/program/map_loan.h"
#include "loader/lib/program/limits.h"

static int choose_auto(const struct slot_engine **ret_engine, struct slot_reason *ret_reason)
{
	struct slot_reason refused;

	if (!slot_engine_freplace.probe(&refused)) {
		slot_reason_set(ret_reason, 0, "this kernel links extension programs (freplace)");
		*ret_engine = &slot_engine_freplace;
		return 0;
	}
	slot_reason_set(ret_reason, 0, "freplace is not to be had here: %s", refused.text);
	*ret_engine = &slot_engines_fused[ROOT_KIND_XDP];
	return 0;
}

static int choose_fused(enum root_kind kind, enum slot_engine_choice choice,
			struct slot_reason *why, const struct slot_engine **ret_engine,
			struct slot_reason *ret_reason)
{
	const char *name = slot_program_kind_get(kind)->name;

	if (choice == SLOT_ENGINE_FREPLACE)
		return slot_reason_set(why, -ENOTSUP,
				       "engine 'freplace' runs chains of XDP programs only: chains "
				       "of %s programs are always fused",
				       name);
	slot_reason_set(ret_reason, 0, "chains of %s programs are always fused", name);
	*ret_engine = &slot_engines_fused[kind];
	return 0;
}

int slot_engine_choose(enum slot_hook hook, enum slot_engine_choice choice, struct slot_reason *why,
		       const struct slot_engine **ret_engine, struct slot_reason *ret_reason)
{
	const struct slot_engine *engine = choice == SLOT_ENGINE_FREPLACE ?
						   &slot_engine_freplace :
						   &slot_engines_fused[ROOT_KIND_XDP];
	enum root_kind kind = slot_hook_kind(hook);
	int err;

	if (kind != ROOT_KIND_XDP)
		return choose_fused(kind, choice, why, ret_engine, ret_reason);
	if (choice == SLOT_ENGINE_AUTO)
		return choose_auto(ret_engine, ret_reason);
	err = engine->probe(why);
	if (err)
		return slot_reason_prefix(why, -ENOTSUP,
					  "engine '%s' does not work here: ", engine->name);
	slot_reason_set(ret_reason, 0, "slots.conf names it");
	*ret_engine = engine;
	return 0;
}

const struct slot_engine *slot_engine_find(const char *name)
{
	enum root_kind kind;

	if (!strcmp(name, slot_engine_freplace.name))
		return &slot_engine_freplace;
	for (kind = 0; kind < ROOT_KIND_COUNT; kind++)
		if (!strcmp(name, slot_engines_fused[kind].name))
			return &slot_engines_fused[kind];
	return NULL;
}

struct slot_program *slot_build_program(const struct slot_build *build, unsigned int slot,
					enum root_version version)
{
	return version == ROOT_CANARY ? build->canaries[slot] : build->programs[slot];
}

struct root_slot slot_build_slot(const struct slot_build *build, unsigned int slot)
{
	const struct slot_state *state = &build->state->slots[slot];
	struct root_slot root_slot = {
		.taken = build->programs[slot] != NULL,
		.rules = state->rules,
	};

	root_slot.canary = (struct root_canary){
		.present = build->canaries[slot] != NULL,
		.share_ppm = state->canary.share_ppm,
		.cpus = state->canary.cpus,
	};
	return root_slot;
}

static int load_program(struct slot_program *program, const struct slot_program_place *place,
			const char *stub, int root_fd, struct slot_reason *why)
{
	return root_fd < 0 ? slot_program_load(program, place, why) :
			     slot_program_load_ext(program, place, root_fd, stub, why);
}

/* Where the maps of one reservation are, by the folders of all. */
struct dirs {
	char map[PATH_MAX];
	char stage[PATH_MAX];
};

static int find_dirs(const struct slot_build *build, const char *name, struct dirs *ret_dirs)
{
	int err = build->map_dir ? slot_pin_path(ret_dirs->map, build->map_dir, "%s", name) : 0;

	if (!err && build->stage_dir)
		err = slot_pin_path(ret_dirs->stage, build->stage_dir, "%s", name);
	return err;
}

/* What another chain lends is there as soon as that one was built, whether it runs or not. */
static int find_other_lender(const struct slot_build *build, unsigned int slot,
			     struct slot_program_place *place, struct slot_reason *why)
{
	place->lender_map_dir = build->lender_dirs[slot];
	if (!access(place->lender_map_dir, F_OK))
		return 0;
	return slot_reason_set(why, -ENOENT,
			       "'%s', whose maps it uses (maps_of in slots.conf), has none: the "
			       "other chain of this interface has to run first",
			       build->state->slots[slot].limits.maps_of);
}

/* Who lends @program maps is loaded first, as it may make them. It borrows none itself. */
static int load_lender(const struct slot_build *build, const struct slot_state *state,
		       const struct slot_program *program, int root_fd, struct slot_reason *why)
{
	const struct slot_state *lender =
		slot_chain_state_find(build->state, state->limits.maps_of);
	unsigned int slot = lender ? (unsigned int)(lender - build->state->slots) : 0;
	int err;

	if (!lender || !build->programs[slot])
		return slot_reason_set(why, -ENOENT,
				       "'%s', whose maps it uses (maps_of in slots.conf), does "
				       "not run: enable that slot, or disable this one",
				       state->limits.maps_of);
	err = program->object ?
		      slot_map_loans_check(program->object, build->programs[slot]->object, why) :
		      0;
	return err ? err : slot_build_load(build, slot, ROOT_STABLE, root_fd, why);
}

int slot_build_load(const struct slot_build *build, unsigned int slot, enum root_version version,
		    int root_fd, struct slot_reason *why)
{
	struct slot_program *program = slot_build_program(build, slot, version);
	const struct slot_state *state = &build->state->slots[slot];
	struct slot_program_place place = {
		.map_orders = build->map_orders ? &build->map_orders[slot] : NULL,
		.log_dir = build->log_dir,
		.has_frags = build->has_frags,
	};
	char stub[ROOT_STUB_NAME_SIZE];
	struct dirs own, lender;
	int err = find_dirs(build, state->name, &own);

	if (!err)
		err = find_dirs(build, state->limits.maps_of, &lender);
	if (err)
		return slot_reason_set(why, err, "slot %u: pin path too long", slot);
	place.map_dir = build->map_dir ? own.map : NULL;
	place.stage_dir = build->stage_dir ? own.stage : NULL;
	if (build->lender_dirs[slot]) {
		err = find_other_lender(build, slot, &place, why);
	} else if (state->limits.maps_of[0]) {
		place.lender_map_dir = build->map_dir ? lender.map : NULL;
		place.lender_stage_dir = build->stage_dir ? lender.stage : NULL;
		err = load_lender(build, state, program, root_fd, why);
	}
	slot_root_stub_name(slot, version, stub);
	if (!err && program->fd < 0)
		err = load_program(program, &place, stub, root_fd, why);
	/* Also of one that was loaded earlier: its reservation may grant less by now. */
	if (!err)
		err = slot_program_limits_check(program, &place, &state->limits, why);
	return err ? slot_reason_prefix(why, err, "slot %u (%s%s): ", slot, state->name,
					version == ROOT_CANARY ? ", canary" : "") :
		     0;
}
