/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/engine/engine.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "loader/lib/host/pins.h"
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
	char map_dir[PATH_MAX];
	char stage_dir[PATH_MAX];
	int err = 0;

	if (build->map_dir) {
		err = slot_pin_path(map_dir, build->map_dir, "%s", state->name);
		place.map_dir = map_dir;
	}
	if (!err && build->stage_dir) {
		err = slot_pin_path(stage_dir, build->stage_dir, "%s", state->name);
		place.stage_dir = stage_dir;
	}
	if (err)
		return slot_reason_set(why, err, "slot %u: pin path too long", slot);
	slot_root_stub_name(slot, version, stub);
	if (program->fd < 0)
		err = load_program(program, &place, stub, root_fd, why);
	/* Also of one that was loaded earlier: its reservation may grant less by now. */
	if (!err)
		err = slot_program_limits_check(program, &place, &state->limits, why);
	return err ? slot_reason_prefix(why, err, "slot %u (%s%s): ", slot, state->name,
					version == ROOT_CANARY ? ", canary" : "") :
		     0;
}
