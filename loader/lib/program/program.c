/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/program/libbpf_log.h"
#include "loader/lib/program/map_sizes.h"
#include "loader/lib/program/maps.h"
#include "loader/lib/program/settings.h"
#include "loader/lib/program/verifier_log.h"

static void cleanup_program(struct slot_program **program)
{
	slot_program_free(*program);
}

/*
 * Where an object has programs of several kinds, the manifest says which it is for; else
 * the first kind that it has any of.
 */
static enum root_kind choose_kind(const struct slot_program *program)
{
	enum root_kind first = ROOT_KIND_COUNT;
	struct bpf_program *prog;

	if (program->manifest.has_hook)
		return slot_hook_kind(program->manifest.hook);
	bpf_object__for_each_program(prog, program->object) {
		enum root_kind kind = slot_program_kind_of(prog);

		first = kind < first ? kind : first;
	}
	return first;
}

static int refuse_kindless(const struct slot_program *program, enum root_kind wanted,
			   const char *name, struct slot_reason *why)
{
	char sections[512] = "";
	enum root_kind kind;

	for (kind = 0; kind < ROOT_KIND_COUNT; kind++) {
		const struct slot_program_kind *known = slot_program_kind_get(kind);
		size_t used = strlen(sections);

		snprintf(sections + used, sizeof(sections) - used, "%s%s for %s", kind ? "; " : "",
			 known->sections, known->name);
	}
	if (program->manifest.has_hook)
		return slot_reason_set(why, -EINVAL,
				       "'%s' is for the hook %s, and has no %s program: a slot of "
				       "such a chain takes %s",
				       name, slot_hook_name(program->manifest.hook),
				       slot_program_kind_get(wanted)->name,
				       slot_program_kind_get(wanted)->sections);
	return slot_reason_set(why, -EINVAL, "'%s' has no program that a chain takes: %s", name,
			       sections);
}

static int choose_sole(struct slot_program *program, const char *name, struct slot_reason *why)
{
	enum root_kind wanted = choose_kind(program);
	struct bpf_program *prog;
	char known[512] = "";
	unsigned int count = 0;

	bpf_object__for_each_program(prog, program->object) {
		if (wanted == ROOT_KIND_COUNT || slot_program_kind_of(prog) != wanted)
			continue;
		if (count++)
			strncat(known, ", ", sizeof(known) - strlen(known) - 1);
		strncat(known, bpf_program__name(prog), sizeof(known) - strlen(known) - 1);
		program->entry = prog;
	}
	if (count == 1)
		return 0;
	if (!count)
		return refuse_kindless(program, wanted, name, why);
	return slot_reason_set(
		why, -EINVAL, "'%s' has %u %s programs (%s): name one with `program` in slots.conf",
		name, count, slot_program_kind_get(wanted)->name, known);
}

static int choose_entry(struct slot_program *program, const char *name, const char *function,
			struct slot_reason *why)
{
	const char *wanted = *function ? function : program->manifest.entry;

	if (!*wanted)
		return choose_sole(program, name, why);
	program->entry = bpf_object__find_program_by_name(program->object, wanted);
	if (!program->entry)
		return slot_reason_set(why, -ENOENT, "'%s' has no program '%s'", name, wanted);
	if (slot_program_kind_of(program->entry) == ROOT_KIND_COUNT)
		return slot_reason_set(why, -EINVAL,
				       "'%s': program '%s' is of no kind that a chain takes (%s)",
				       name, wanted, bpf_program__section_name(program->entry));
	return 0;
}

/* Other functions of the object are loaded only where tail calls may want them. */
static void choose_autoload(struct slot_program *program)
{
	bool has_tail_calls = slot_program_maps_has_code(program->object);
	enum bpf_prog_type type = slot_program_kind_get(program->kind)->type;
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, program->object) {
		bool is_wanted = prog == program->entry ||
				 (has_tail_calls && bpf_program__type(prog) == type);

		bpf_program__set_autoload(prog, is_wanted);
	}
}

/* Else loading would pin in the host's bpffs, and share what is pinned there. */
static void clear_pin_paths(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		bpf_map__set_pin_path(map, NULL);
}

static int open_object(struct slot_program *program, const struct slot_blob *blob,
		       struct slot_reason *why)
{
	/* A dot in a map's name begins its section's: ".bss" of "fw.bss". */
	char name[SLOT_NAME_MAX];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	char *dot;

	memcpy(name, program->manifest.name, sizeof(name));
	while ((dot = strchr(name, '.')))
		*dot = '_';
	slot_libbpf_log_start();
	program->object = bpf_object__open_mem(blob->bytes, blob->size, &opts);
	if (program->object)
		return 0;
	return slot_reason_set(
		why, -EINVAL, "'%s' is no BPF object that libbpf can open: %s", blob->name,
		*slot_libbpf_log_first() ? slot_libbpf_log_first() : strerror(errno));
}

int slot_program_open(const struct slot_blob *blob, const char *function,
		      const struct slot_settings *settings, struct slot_reason *why,
		      struct slot_program **ret_program)
{
	_cleanup_(cleanup_program) struct slot_program *program = calloc(1, sizeof(*program));
	const char *section;
	int err;

	if (!program)
		return -ENOMEM;
	program->fd = -1;
	err = slot_manifest_read(blob->bytes, blob->size, blob->name, blob->sha256, why,
				 &program->manifest);
	if (!err)
		err = open_object(program, blob, why);
	if (!err)
		err = choose_entry(program, blob->name, function, why);
	if (!err)
		err = slot_settings_apply(program->object, settings, why);
	if (!err)
		err = slot_map_sizes_apply(program->object, why);
	if (err)
		return err;
	clear_pin_paths(program->object);
	program->kind = slot_program_kind_of(program->entry);
	choose_autoload(program);
	section = bpf_program__section_name(program->entry);
	program->has_frags = !strncmp(section, "xdp.frags", strlen("xdp.frags"));
	*ret_program = TAKE_PTR(program);
	return 0;
}

/*
 * The type and flags as the chain needs them, whatever the section said.
 * Changing the type makes libbpf (1.2 and newer) forget what the section
 * implies, so it is changed away and back.
 */
static void set_type(struct bpf_program *prog, enum bpf_prog_type type, enum bpf_attach_type attach,
		     bool has_frags)
{
	__u32 flags = bpf_program__flags(prog) & ~(__u32)BPF_F_XDP_HAS_FRAGS;

	bpf_program__set_type(prog, BPF_PROG_TYPE_UNSPEC);
	bpf_program__set_type(prog, type);
	bpf_program__set_expected_attach_type(prog, attach);
	bpf_program__set_flags(prog, has_frags ? flags | BPF_F_XDP_HAS_FRAGS : flags);
}

/*
 * The entry becomes @type; programs that it tail-calls stay what they are. Those
 * of one prog_array must agree in frags (5.18) and in expected_attach_type
 * (enforced since 6.17 and in stable kernels), which an extension has not.
 */
static void set_types(struct slot_program *program, enum bpf_prog_type type, bool has_frags)
{
	const struct slot_program_kind *kind = slot_program_kind_get(program->kind);
	enum bpf_attach_type attach = type == kind->type ? kind->attach : 0;
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, program->object) {
		if (prog == program->entry)
			set_type(prog, type, attach, has_frags);
		else if (bpf_program__autoload(prog))
			set_type(prog, kind->type, attach, has_frags);
	}
}

static int load_object(struct slot_program *program, const struct slot_program_place *place,
		       struct slot_reason *why)
{
	_cleanup_free_ char *log = slot_verifier_log_new();
	int err;

	if (!log)
		return -ENOMEM;
	bpf_program__set_log_buf(program->entry, log, SLOT_VERIFIER_LOG_SIZE);
	slot_libbpf_log_start();
	err = SLOT_STEP("program.load", bpf_object__load(program->object));
	if (!err) {
		program->fd = bpf_program__fd(program->entry);
		program->type = bpf_program__type(program->entry);
		bpf_program__set_log_buf(program->entry, NULL, 0);
		return 0;
	}
	if (*log)
		return slot_verifier_log_reason(log, program->manifest.name, place->log_dir, err,
						why);
	if (err == -EPERM)
		return slot_reason_set(why, err,
				       "cannot load '%s': %s: this needs CAP_BPF and CAP_NET_ADMIN",
				       program->manifest.name, strerror(-err));
	return slot_reason_set(why, err, "cannot load '%s': %s%s%s", program->manifest.name,
			       strerror(-err), *slot_libbpf_log_first() ? ": " : "",
			       slot_libbpf_log_first());
}

static int load_program(struct slot_program *program, const struct slot_program_place *place,
			struct slot_reason *why)
{
	int err = 0;

	if (place->map_dir)
		err = slot_program_maps_reuse(program->object, place, why);
	if (!err)
		err = load_object(program, place, why);
	if (!err && place->stage_dir)
		err = slot_program_maps_stage(program->object, place, why);
	return err;
}

int slot_program_check_hook(const struct slot_program *program, enum slot_hook hook,
			    struct slot_reason *why)
{
	const struct slot_manifest *manifest = &program->manifest;

	if (program->kind != slot_hook_kind(hook))
		return slot_reason_set(
			why, -EINVAL, "'%s' is a program of %s, and this is a chain of the hook %s",
			manifest->name, slot_program_kind_get(program->kind)->name,
			slot_hook_name(hook));
	if (manifest->has_hook && manifest->hook != hook)
		return slot_reason_set(
			why, -EINVAL, "'%s' is for the hook %s, and this is a chain of the hook %s",
			manifest->name, slot_hook_name(manifest->hook), slot_hook_name(hook));
	return 0;
}

int slot_program_load(struct slot_program *program, const struct slot_program_place *place,
		      struct slot_reason *why)
{
	set_types(program, slot_program_kind_get(program->kind)->type,
		  place->has_frags && program->kind == ROOT_KIND_XDP);
	return load_program(program, place, why);
}

int slot_program_load_ext(struct slot_program *program, const struct slot_program_place *place,
			  int root_fd, const char *stub, struct slot_reason *why)
{
	int err;

	if (!bpf_object__btf(program->object))
		return slot_reason_set(why, -EINVAL,
				       "'%s' has no BTF, which linking by freplace needs: compile "
				       "it with -g",
				       program->manifest.name);
	set_types(program, BPF_PROG_TYPE_EXT, place->has_frags);
	err = bpf_program__set_attach_target(program->entry, root_fd, stub);
	if (err)
		return slot_reason_set(why, err, "cannot aim '%s' at the stub %s: %s",
				       program->manifest.name, stub, strerror(-err));
	return load_program(program, place, why);
}

int slot_program_from_fd(int fd, struct slot_program **ret_program)
{
	struct slot_program *program = calloc(1, sizeof(*program));

	if (!program)
		return -ENOMEM;
	program->fd = fd;
	program->type = BPF_PROG_TYPE_EXT;
	*ret_program = program;
	return 0;
}

void slot_program_free(struct slot_program *program)
{
	if (!program)
		return;
	if (program->object)
		bpf_object__close(program->object); /* closes fd, which is its own */
	else if (program->fd >= 0)
		close(program->fd);
	free(program);
}
