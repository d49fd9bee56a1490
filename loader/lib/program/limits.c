/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "loader/lib/host/map_memory.h"
#include "loader/lib/program/helpers.h"
#include "loader/lib/program/maps.h"

static int check_helpers(const struct slot_program *program, const struct slot_limits *limits,
			 struct slot_reason *why)
{
	char granted[SLOT_LIMITS_TEXT_MAX];
	struct slot_helper_list list;
	char denied[1024] = "";
	size_t used = 0;
	unsigned int i;

	slot_program_helpers_list(program, &list);
	for (i = 0; i < list.count && used < sizeof(denied); i++) {
		const struct slot_helper *helper = &list.items[i];

		if (!slot_limits_is_granted(limits, helper->kind))
			used += (size_t)snprintf(denied + used, sizeof(denied) - used,
						 "%s%s (class %s)", used ? ", " : "", helper->name,
						 slot_helper_class_name(helper->kind));
	}
	if (!used)
		return 0;
	slot_limits_format_helpers(limits, granted);
	return slot_reason_set(why, -EACCES,
			       "'%s' calls what this reservation is not granted: %s; helpers in "
			       "slots.conf grants %s",
			       program->manifest.name, denied, granted);
}

/*
 * What a version takes beside the reservation's state: program arrays, and what
 * libbpf makes of variables of the kernel's configuration. Read-only data has the
 * bounds of the object.
 */
static int add_own_maps(const struct slot_program *program, struct slot_map_memory *memory)
{
	const struct bpf_map *map;
	int err = 0;

	if (!program->object)
		return 0;
	bpf_object__for_each_map(map, program->object) {
		if (!err && bpf_map__fd(map) >= 0 && !slot_map_is_state(map) &&
		    !strstr(bpf_map__name(map), ".rodata"))
			err = slot_map_memory_add(bpf_map__fd(map), bpf_map__name(map), memory);
	}
	return err;
}

static int check_memory(const struct slot_program *program, const struct slot_program_place *place,
			const struct slot_limits *limits, struct slot_reason *why)
{
	char taken[SLOT_SIZE_TEXT_MAX];
	char granted[SLOT_SIZE_TEXT_MAX];
	char largest[SLOT_SIZE_TEXT_MAX];
	struct slot_map_folders folders = {
		.own = place->map_dir,
		.stage = place->stage_dir,
		.lender = place->lender_map_dir,
		.lender_stage = place->lender_stage_dir,
	};
	struct slot_map_memory memory;
	int err = slot_map_memory_sum(&folders, &memory);

	if (!err)
		err = add_own_maps(program, &memory);
	if (err)
		return slot_reason_set(why, err, "cannot tell how much memory the maps take: %s",
				       strerror(-err));
	if (memory.bytes <= limits->map_memory)
		return 0;
	slot_size_format(memory.bytes, taken);
	slot_size_format(memory.largest_bytes, largest);
	slot_size_format(limits->map_memory, granted);
	return slot_reason_set(why, -EFBIG,
			       "its maps take %s of memory ('%s' alone %s), and map_memory in "
			       "slots.conf grants %s",
			       taken, memory.largest, largest, granted);
}

int slot_program_limits_check(const struct slot_program *program,
			      const struct slot_program_place *place,
			      const struct slot_limits *limits, struct slot_reason *why)
{
	int err = limits->has_helpers ? check_helpers(program, limits, why) : 0;

	if (!err && limits->map_memory && place->map_dir)
		err = check_memory(program, place, limits, why);
	return err;
}

bool slot_program_limits_is_known(const struct slot_program *program,
				  const struct slot_limits *limits)
{
	return program->object || !(program->held_to & ~slot_limits_mask(limits));
}
