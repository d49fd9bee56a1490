/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/engine.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "loader/lib/pins.h"

static int choose_auto(const struct slot_engine **ret_engine, struct slot_reason *ret_reason)
{
	struct slot_reason refused;

	if (!slot_engine_freplace.probe(&refused)) {
		slot_reason_set(ret_reason, 0, "this kernel links extension programs (freplace)");
		*ret_engine = &slot_engine_freplace;
		return 0;
	}
	slot_reason_set(ret_reason, 0, "freplace is not to be had here: %s", refused.text);
	*ret_engine = &slot_engine_fused;
	return 0;
}

int slot_engine_choose(enum slot_engine_choice choice, struct slot_reason *why,
		       const struct slot_engine **ret_engine, struct slot_reason *ret_reason)
{
	const struct slot_engine *engine =
		choice == SLOT_ENGINE_FREPLACE ? &slot_engine_freplace : &slot_engine_fused;
	int err;

	if (choice == SLOT_ENGINE_AUTO)
		return choose_auto(ret_engine, ret_reason);
	err = engine->probe(why);
	if (err)
		return slot_reason_prefix(why, -ENOTSUP, "engine '%s' does not work here: ",
					  engine->name);
	slot_reason_set(ret_reason, 0, "slots.conf names it");
	*ret_engine = engine;
	return 0;
}

const struct slot_engine *slot_engine_find(const char *name)
{
	if (!strcmp(name, slot_engine_freplace.name))
		return &slot_engine_freplace;
	if (!strcmp(name, slot_engine_fused.name))
		return &slot_engine_fused;
	return NULL;
}

int slot_build_place(const struct slot_build *build, unsigned int slot, char *map_dir,
		     char *stage_dir, struct slot_program_place *ret_place)
{
	const char *name = build->state->slots[slot].name;
	int err = 0;

	if (build->map_dir)
		err = slot_pin_path(map_dir, build->map_dir, "%s", name);
	if (!err && build->stage_dir)
		err = slot_pin_path(stage_dir, build->stage_dir, "%s", name);
	*ret_place = (struct slot_program_place){
		.map_dir = build->map_dir ? map_dir : NULL,
		.stage_dir = build->stage_dir ? stage_dir : NULL,
		.log_dir = build->log_dir,
		.has_frags = build->has_frags,
	};
	return err;
}
