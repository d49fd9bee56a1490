/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fused engine: verified instruction streams joined behind a generated root. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dispatcher/insn.h"
#include "dispatcher/root_body.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/engine/engine.h"
#include "loader/lib/engine/root_load.h"
#include "loader/lib/program/functions.h"

/* What keeps @program's global functions global: without, they would be walked at each call. */
static int take_types(const struct slot_program *program, struct root_body *body)
{
	__u32 *types = NULL;
	int err = slot_functions_get_global(program, &types, &body->func_count);

	body->btf = bpf_object__btf(program->object);
	body->func_types = types;
	return err;
}

static void free_types(struct root_spec *spec)
{
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		free((void *)spec->slots[slot].body.func_types);
		free((void *)spec->slots[slot].canary.body.func_types);
	}
}

static int take_body(const struct slot_build *build, unsigned int slot, enum root_version version,
		     struct root_slot *ret_slot, struct slot_reason *why)
{
	const struct slot_program *program = slot_build_program(build, slot, version);
	struct root_body body = { .insns = bpf_program__insns(program->entry),
				  .count = bpf_program__insn_cnt(program->entry) };
	const char *obstacle = body.insns ? slot_root_body_obstacle(&body) :
					    "libbpf keeps no instructions";
	int err;

	if (obstacle)
		return slot_reason_set(why, -ENOTSUP, "cannot fuse '%s' into slot %u: %s",
				       build->state->slots[slot].name, slot, obstacle);
	err = take_types(program, &body);
	if (err)
		return slot_reason_set(why, err, "cannot read the functions of '%s' in slot %u: %s",
				       build->state->slots[slot].name, slot, strerror(-err));
	if (version == ROOT_CANARY)
		ret_slot->canary.body = body;
	else
		ret_slot->body = body;
	return 0;
}

static bool is_gpl_compatible(const struct slot_program *program)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return !bpf_prog_get_info_by_fd(program->fd, &info, &len) && info.gpl_compatible;
}

/*
 * One chain, one licence: a program that is not GPL-compatible makes the whole
 * so, and the kernel then refuses GPL-only helpers anywhere in it. Rests on
 * bpf_prog_info.gpl_compatible (Linux 4.18).
 */
static const char *choose_license(const struct slot_build *build)
{
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++)
		if ((build->programs[slot] && !is_gpl_compatible(build->programs[slot])) ||
		    (build->canaries[slot] && !is_gpl_compatible(build->canaries[slot])))
			return "Proprietary";
	return "GPL";
}

/* Maps that @image names: one program may name MAPS_MAX (kernel: MAX_USED_MAPS). */
#define MAPS_MAX 64

static bool has_fd(const __s32 *fds, unsigned int count, __s32 fd)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (fds[i] == fd)
			return true;
	return false;
}

static unsigned int count_maps(const struct root_image *image)
{
	_cleanup_free_ __s32 *fds = calloc(image->count, sizeof(*fds));
	unsigned int count = 0;
	size_t i;

	for (i = 0; fds && i < image->count; i++) {
		const struct bpf_insn *insn = &image->insns[i];

		if (!is_insn_wide(insn))
			continue;
		i++;
		if (insn->src_reg != BPF_PSEUDO_MAP_FD && insn->src_reg != BPF_PSEUDO_MAP_VALUE)
			continue;
		if (!has_fd(fds, count, insn->imm))
			fds[count++] = insn->imm;
	}
	return count;
}

static int explain_refusal(const struct root_image *image, int err, struct slot_reason *why)
{
	unsigned int maps = count_maps(image);

	if (err == -E2BIG && maps > MAPS_MAX)
		return slot_reason_set(why, err,
				       "the programs of this chain use %u maps together, and one "
				       "fused program may use %d: disable a slot, or use a kernel "
				       "that takes freplace",
				       maps, MAPS_MAX);
	return slot_reason_prefix(why, err, "the fused chain was refused: ");
}

static int build_fused(const struct slot_engine *engine, const struct slot_build *build,
		       struct slot_reason *why, int *ret_root_fd)
{
	_cleanup_(slot_root_image_free) struct root_image image = { 0 };
	struct root_spec spec = { .kind = engine->kind,
				  .counters_fd = build->counters_fd,
				  .cpu_max = build->cpu_max };
	struct slot_root_kind kind = {
		.type = engine->type,
		.attach = slot_program_kind_get(engine->kind)->attach,
		.log_dir = build->log_dir,
		.has_frags = build->has_frags && engine->kind == ROOT_KIND_XDP,
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ROOT_SLOTS; i++)
		spec.slots[i] = slot_build_slot(build, i);
	for (i = 0; i < ROOT_SLOTS * ROOT_VERSIONS && !err; i++) {
		enum root_version version = i % ROOT_VERSIONS;
		unsigned int slot = i / ROOT_VERSIONS;

		if (!slot_build_program(build, slot, version))
			continue;
		err = slot_build_load(build, slot, version, -1, why);
		if (!err)
			err = take_body(build, slot, version, &spec.slots[slot], why);
	}
	if (!err) {
		err = slot_root_emit(&spec, &image);
		if (err)
			slot_reason_set(why, err, "cannot emit the root: %s", strerror(-err));
	}
	free_types(&spec);
	if (err)
		return err;
	kind.license = choose_license(build);
	err = slot_root_load(&image, &kind, why, ret_root_fd);
	return err ? explain_refusal(&image, err, why) : 0;
}

static int reopen_fused(const char *dir, unsigned int slot, enum root_version version,
			struct slot_program **ret_program)
{
	(void)dir;
	(void)slot;
	(void)version;
	(void)ret_program;
	return -ENOENT;
}

/* Needs nothing beyond BPF-to-BPF calls, which every kernel that slotd supports has. */
static int probe_fused(struct slot_reason *why)
{
	(void)why;
	return 0;
}

#define FUSED(a_kind, a_name, a_type)                                                              \
	[a_kind] = {                                                                               \
		.name = (a_name),                                                                  \
		.kind = (a_kind),                                                                  \
		.type = (a_type),                                                                  \
		.probe = probe_fused,                                                              \
		.build = build_fused,                                                              \
		.reopen = reopen_fused,                                                            \
	}

const struct slot_engine slot_engines_fused[ROOT_KIND_COUNT] = {
	FUSED(ROOT_KIND_XDP, "fused", BPF_PROG_TYPE_XDP),
	FUSED(ROOT_KIND_TC, "fused-tc", BPF_PROG_TYPE_SCHED_CLS),
	FUSED(ROOT_KIND_SOCK_OPS, "fused-sock_ops", BPF_PROG_TYPE_SOCK_OPS),
	FUSED(ROOT_KIND_SK_LOOKUP, "fused-sk_lookup", BPF_PROG_TYPE_SK_LOOKUP),
	FUSED(ROOT_KIND_SK_REUSEPORT, "fused-sk_reuseport", BPF_PROG_TYPE_SK_REUSEPORT),
};
