/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/engine/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/engine/engine.h"
#include "loader/lib/host/map_memory.h"
#include "loader/lib/program/maps.h"
#include "loader/lib/program/program.h"

static void list_maps(const struct bpf_object *object, struct slot_verify_report *report)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *type = libbpf_bpf_map_type_str(bpf_map__type(map));
		struct slot_verify_map *m = &report->maps[report->map_count];

		if ((!slot_map_is_state(map) && bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY) ||
		    report->map_count == SLOT_VERIFY_MAPS_MAX)
			continue;
		snprintf(m->name, sizeof(m->name), "%s", bpf_map__name(map));
		m->type = type ? type : "unknown";
		m->key_size = bpf_map__key_size(map);
		m->value_size = bpf_map__value_size(map);
		m->max_entries = bpf_map__max_entries(map);
		if (slot_map_memory_get(bpf_map__fd(map), &m->memory))
			m->memory = 0;
		report->map_memory += m->memory;
		report->map_count++;
	}
}

static void list_functions(const struct bpf_object *object, struct slot_verify_report *report)
{
	const struct bpf_program *prog = bpf_object__next_program(object, NULL);

	while (prog && report->function_count < SLOT_VERIFY_FUNCTIONS_MAX) {
		snprintf(report->functions[report->function_count++], sizeof(report->functions[0]),
			 "%s (%s)", bpf_program__name(prog), bpf_program__section_name(prog));
		prog = bpf_object__next_program(object, (struct bpf_program *)prog);
	}
}

/* TC programs without a manifest fit both of TC's hooks. */
static const char *name_hook(const struct slot_program *program)
{
	enum slot_hook hook = SLOT_HOOK_XDP;

	if (program->manifest.has_hook)
		return slot_hook_name(program->manifest.hook);
	if (program->kind == ROOT_KIND_TC)
		return "tc";
	while (slot_hook_kind(hook) != program->kind)
		hook++;
	return slot_hook_name(hook);
}

static void describe(const struct slot_program *program, struct slot_verify_report *report)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	report->manifest = program->manifest;
	report->has_frags = program->has_frags;
	report->kind = program->kind;
	snprintf(report->hook, sizeof(report->hook), "%s", name_hook(program));
	snprintf(report->entry, sizeof(report->entry), "%s", bpf_program__name(program->entry));
	if (!bpf_prog_get_info_by_fd(program->fd, &info, &len)) {
		report->verified_insns = info.verified_insns;
		report->jited_bytes = info.jited_prog_len;
	}
	report->insns = (unsigned int)bpf_program__insn_cnt(program->entry);
	slot_program_helpers_list(program, &report->helpers);
	list_functions(program->object, report);
	list_maps(program->object, report);
}

/* Build a chain of just this program, and let it go. */
static int try_engine(const struct slot_engine *engine, const struct slot_blob *blob,
		      const char *function, struct slot_reason *why)
{
	struct slot_settings none = { 0 };
	struct slot_chain_state state = { 0 };
	struct slot_build build = { .state = &state, .counters_fd = -1 };
	struct slot_program *program = NULL;
	int root_fd = -1;
	int err = engine->probe(why);

	if (err)
		return err;
	err = slot_program_open(blob, function, &none, why, &program);
	if (err)
		return err;
	state.slots[0].rules = ROOT_RULES_DEFAULT;
	snprintf(state.slots[0].name, sizeof(state.slots[0].name), "verify");
	build.programs[0] = program;
	build.has_frags = program->has_frags;
	err = engine->build(engine, &build, why, &root_fd);
	if (!err)
		close(root_fd);
	slot_program_free(program);
	return err;
}

static int load_alone(const struct slot_blob *blob, const char *function, struct slot_reason *why,
		      struct slot_verify_report *report)
{
	/* Of its own, so that nobody can plant a link where the log goes; stays if it holds one. */
	char log_dir[] = "/tmp/slotd-verify-XXXXXX";
	struct slot_settings none = { 0 };
	struct slot_program_place place = { 0 };
	struct slot_program *program = NULL;
	int err = slot_program_open(blob, function, &none, why, &program);

	if (err)
		return err;
	place.log_dir = mkdtemp(log_dir);
	place.has_frags = program->has_frags;
	err = slot_program_load(program, &place, why);
	if (!err)
		describe(program, report);
	if (!err)
		err = slot_manifest_run_config(&program->manifest, blob->bytes, report->entry, why,
					       &report->run);
	rmdir(log_dir);
	slot_program_free(program);
	return err;
}

static void try_engines(const struct slot_blob *blob, const char *function,
			struct slot_verify_report *report)
{
	report->fused_ok = !try_engine(&slot_engines_fused[report->kind], blob, function,
				       &report->fused_reason);
	if (report->kind == ROOT_KIND_XDP)
		report->freplace_ok = !try_engine(&slot_engine_freplace, blob, function,
						  &report->freplace_reason);
	else
		slot_reason_set(&report->freplace_reason, 0, "it is a %s program",
				slot_program_kind_get(report->kind)->name);
}

int slot_verify(const char *path, const char *function, struct slot_reason *why,
		struct slot_verify_report *ret_report)
{
	struct slot_verify_report report = { 0 };
	struct slot_blob blob = { 0 };
	int err = slot_blob_read(path, why, &blob);

	if (err)
		return err;
	err = load_alone(&blob, function, why, &report);
	if (!err) {
		memcpy(report.sha256, blob.sha256, sizeof(report.sha256));
		try_engines(&blob, function, &report);
		*ret_report = report;
	}
	slot_blob_free(&blob);
	return err;
}
