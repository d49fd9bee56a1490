/* SPDX-License-Identifier: GPL-2.0-only */
/* slotd's chains, made by the engines that slotd uses, of programs loaded once per engine. */
#include "tests/bench/parts/roots.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/host/blob.h"
#include "loader/lib/chain/counters.h"
#include "loader/lib/engine/engine.h"
#include "loader/lib/host/pins.h"

#define PIN_DIR SLOT_BPFFS_DEFAULT "/bench"

/* What 20 slots of one engine hold, shared by all its roots as generations share them. */
struct program_set {
	const char *engine;
	const char *program;
	struct slot_program *programs[ROOT_SLOTS];
	struct slot_program *canary; /* of slot 0 */
	struct slot_program *skips;  /* in slot 0 */
};

static struct program_set sets[] = {
	{ .engine = "freplace", .program = "trivial" },
	{ .engine = "freplace", .program = "varied" },
	{ .engine = "fused", .program = "trivial" },
	{ .engine = "fused", .program = "varied" },
};

#define SETS (sizeof(sets) / sizeof(*sets))

static const char *const extra_names[BENCH_EXTRAS] = {
	[BENCH_PLAIN] = "",
	[BENCH_FLOW_STABLE] = "canary by flow, stable",
	[BENCH_FLOW_CANARY] = "canary by flow, canary",
	[BENCH_CPU_STABLE] = "canary by CPU, stable",
	[BENCH_CPU_CANARY] = "canary by CPU, canary",
	[BENCH_MAY_SKIP] = "may skip",
	[BENCH_SKIPS] = "skips",
};

static struct slot_chain_state state;
static unsigned int built;

const char *bench_extra_name(enum bench_extra extra)
{
	return extra_names[extra];
}

const char *bench_object_path(const char *name)
{
	static char path[PATH_MAX];
	const char *build = getenv("SLOTD_BUILD");

	snprintf(path, sizeof(path), "%s/tests/bench/progs/%s.bpf.o", build ? build : "build",
		 name);
	return path;
}

unsigned int bench_root_programs(const struct bench_root *root)
{
	return (unsigned int)__builtin_popcount(root->slots);
}

static int open_program(const char *name, struct slot_reason *why,
			struct slot_program **ret_program)
{
	static const struct slot_settings none;
	struct slot_blob blob = { 0 };
	int err = slot_blob_read(bench_object_path(name), why, &blob);

	if (err)
		return err;
	err = slot_program_open(&blob, "", &none, why, ret_program);
	slot_blob_free(&blob);
	return err;
}

static int open_set(const struct bench_root *root, struct slot_reason *why,
		    struct program_set **ret_set)
{
	struct program_set *set = sets;
	unsigned int slot;
	int err = 0;

	while (strcmp(set->engine, root->engine) || strcmp(set->program, root->program))
		if (++set == sets + SETS)
			return slot_reason_set(why, -ENOENT, "no such chain");
	for (slot = 0; slot < ROOT_SLOTS && !set->programs[slot] && !err; slot++) {
		snprintf(state.slots[slot].name, sizeof(state.slots[slot].name), "slot%u", slot);
		state.slots[slot].rules = ROOT_RULES_DEFAULT;
		err = open_program(set->program, why, &set->programs[slot]);
	}
	if (!err && !set->canary)
		err = open_program(set->program, why, &set->canary);
	if (!err && !set->skips)
		err = open_program("skips", why, &set->skips);
	*ret_set = set;
	return err;
}

static void add_extra(enum bench_extra extra, const struct program_set *set,
		      struct slot_build *build)
{
	struct slot_state *slot = &state.slots[0];

	slot->rules = ROOT_RULES_DEFAULT;
	slot->canary = (struct slot_canary){ 0 };
	if (extra == BENCH_MAY_SKIP || extra == BENCH_SKIPS)
		slot->rules.allow |= ROOT_ALLOW_SKIP;
	if (extra == BENCH_SKIPS)
		build->programs[0] = set->skips;
	if (extra == BENCH_FLOW_STABLE || extra == BENCH_FLOW_CANARY)
		slot->canary.share_ppm = extra == BENCH_FLOW_CANARY ? ROOT_SHARE_ALL - 1 : 1;
	if (extra == BENCH_CPU_STABLE || extra == BENCH_CPU_CANARY)
		slot->canary.cpus = extra == BENCH_CPU_CANARY ? ~0ULL : 1ULL << 63;
	if (slot->canary.share_ppm || slot->canary.cpus)
		build->canaries[0] = set->canary;
}

static int load_chain(struct bench_root *root, struct slot_reason *why)
{
	struct program_set *set = NULL;
	struct slot_build build = { .state = &state,
				    .map_dir = PIN_DIR "/maps",
				    .counters_fd = -1 };
	char dir[PATH_MAX];
	unsigned int slot;
	const struct slot_engine *engine = slot_engine_find(root->engine);
	int err = open_set(root, why, &set);

	if (err)
		return err;
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		build.programs[slot] = root->slots & 1U << slot ? set->programs[slot] : NULL;
	add_extra(root->extra, set, &build);
	if (root->counters) {
		build.counters_fd = slot_counters_new(&build.cpu_max);
		if (build.counters_fd < 0)
			return slot_reason_set(why, build.counters_fd, "cannot make counters");
	}
	snprintf(dir, sizeof(dir), PIN_DIR "/%u", built++);
	build.dir = dir;
	err = slot_pin_mkdir(dir);
	if (err)
		return slot_reason_set(why, err, "cannot make '%s'", dir);
	return engine->build(engine, &build, why, &root->fd);
}

static int load_alone(const char *name, struct slot_reason *why)
{
	static const struct slot_program_place nowhere;
	struct slot_program *program;
	int err = open_program(name, why, &program);

	if (!err)
		err = slot_program_load(program, &nowhere, why);
	return err ? err : program->fd;
}

int bench_root_load(struct bench_root *root, unsigned int ifindex, struct slot_reason *why)
{
	unsigned int programs = bench_root_programs(root);

	if (slot_engine_find(root->engine))
		return load_chain(root, why);
	if (!strcmp(root->engine, "libxdp"))
		root->fd = bench_libxdp_load(programs, ifindex, why);
	else if (!strcmp(root->engine, "tailcall"))
		root->fd = bench_tailcall_load(programs, why);
	else
		root->fd = load_alone(root->program, why);
	return root->fd < 0 ? root->fd : 0;
}
