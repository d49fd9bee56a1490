/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The freplace engine: programs linked into the root's stubs as extensions. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dispatcher/insn.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/engine/engine.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/engine/root_load.h"

/* "link_07", "prog_07_c" */
static void name_pin(char ret_name[ROOT_STUB_NAME_SIZE], const char *what, unsigned int slot,
		     enum root_version version)
{
	snprintf(ret_name, ROOT_STUB_NAME_SIZE, "%s_%02u%s", what, slot,
		 version == ROOT_CANARY ? "_c" : "");
}

static int load_root(const struct slot_build *build, struct slot_reason *why, int *ret_fd)
{
	_cleanup_(slot_root_image_free) struct root_image image = { 0 };
	struct root_spec spec = { .counters_fd = build->counters_fd, .cpu_max = build->cpu_max };
	struct slot_root_kind kind = {
		.type = BPF_PROG_TYPE_XDP,
		.attach = BPF_XDP,
		.log_dir = build->log_dir,
		.has_frags = build->has_frags,
	};
	unsigned int slot;
	int err;

	for (slot = 0; slot < ROOT_SLOTS; slot++)
		spec.slots[slot] = slot_build_slot(build, slot);
	err = slot_root_emit(&spec, &image);
	if (err)
		return slot_reason_set(why, err, "cannot emit the root: %s", strerror(-err));
	return slot_root_load(&image, &kind, why, ret_fd);
}

static int pin_program(const struct slot_build *build, unsigned int slot, enum root_version version,
		       int link_fd, struct slot_reason *why)
{
	char name[ROOT_STUB_NAME_SIZE];
	int err;

	name_pin(name, "link", slot, version);
	err = slot_pin_set(link_fd, build->dir, name);
	if (!err) {
		name_pin(name, "prog", slot, version);
		err = slot_pin_set(slot_build_program(build, slot, version)->fd, build->dir, name);
	}
	return err ? slot_reason_set(why, err, "cannot pin '%s/%s': %s", build->dir, name,
				     strerror(-err)) :
		     0;
}

static int link_program(const struct slot_build *build, unsigned int slot,
			enum root_version version, int root_fd, struct slot_reason *why)
{
	const struct slot_program *program = slot_build_program(build, slot, version);
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	_cleanup_close_ int link_fd = -1;
	char stub[ROOT_STUB_NAME_SIZE];
	int err;

	slot_root_stub_name(slot, version, stub);
	err = slot_root_func_id(root_fd, stub);
	if (err < 0)
		return slot_reason_set(why, err, "slot %u: the root has no stub '%s': %s", slot,
				       stub, strerror(-err));
	opts.target_btf_id = (__u32)err;
	link_fd = SLOT_STEP("freplace.link", bpf_link_create(program->fd, root_fd, 0, &opts));
	if (link_fd < 0)
		return slot_reason_set(why, link_fd,
				       "cannot link '%s' into slot %u: %s (its function must be "
				       "int f(struct xdp_md *))",
				       build->state->slots[slot].name, slot, strerror(-link_fd));
	return build->dir ? pin_program(build, slot, version, link_fd, why) : 0;
}

static int build_freplace(const struct slot_engine *engine, const struct slot_build *build,
			  struct slot_reason *why, int *ret_root_fd)
{
	_cleanup_close_ int root_fd = -1;
	unsigned int i;
	int err = load_root(build, why, &root_fd);

	(void)engine;
	for (i = 0; i < ROOT_SLOTS * ROOT_VERSIONS && !err; i++) {
		enum root_version version = i % ROOT_VERSIONS;
		unsigned int slot = i / ROOT_VERSIONS;

		if (!slot_build_program(build, slot, version))
			continue;
		err = slot_build_load(build, slot, version, root_fd, why);
		if (!err)
			err = link_program(build, slot, version, root_fd, why);
	}
	if (err)
		return err;
	*ret_root_fd = TAKE_FD(root_fd);
	return 0;
}

static int reopen_freplace(const char *dir, unsigned int slot, enum root_version version,
			   struct slot_program **ret_program)
{
	_cleanup_close_ int fd = -1;
	char name[ROOT_STUB_NAME_SIZE];
	int err;

	name_pin(name, "prog", slot, version);
	fd = slot_pin_open(dir, name);
	if (fd < 0)
		return fd;
	err = slot_program_from_fd(fd, ret_program);
	if (!err)
		fd = -1;
	return err;
}

/* Link a two-instruction extension into a one-slot root, and let all of it go. */
static int probe_freplace(struct slot_reason *why)
{
	struct bpf_insn insns[] = { insn_mov_imm(BPF_REG_0, 2), insn_exit() };
	struct root_func func = { .name = "probe", .is_global = true };
	struct root_image ext = { .insns = insns, .count = 2, .funcs = &func, .func_count = 1 };
	_cleanup_(slot_root_image_free) struct root_image root = { 0 };
	struct root_spec spec = { .counters_fd = -1 };
	struct slot_root_kind kind = { .type = BPF_PROG_TYPE_XDP, .attach = BPF_XDP };
	_cleanup_close_ int root_fd = -1;
	_cleanup_close_ int ext_fd = -1;
	_cleanup_close_ int link_fd = -1;
	int err;

	spec.slots[0] = (struct root_slot){ .taken = true, .rules = ROOT_RULES_DEFAULT };
	err = slot_root_emit(&spec, &root);
	if (!err)
		err = slot_root_load(&root, &kind, why, &root_fd);
	if (err)
		return slot_reason_prefix(why, err, "cannot load a root with stubs: ");
	kind = (struct slot_root_kind){ .type = BPF_PROG_TYPE_EXT };
	kind.target_fd = root_fd;
	kind.target_btf_id = slot_root_func_id(root_fd, "slot_00");
	err = slot_root_load(&ext, &kind, why, &ext_fd);
	if (err)
		return slot_reason_prefix(why, err, "the kernel refuses extension programs: ");
	link_fd = bpf_link_create(ext_fd, 0, 0, NULL);
	if (link_fd < 0)
		return slot_reason_set(why, link_fd, "the kernel refuses to link extensions: %s",
				       strerror(-link_fd));
	return 0;
}

const struct slot_engine slot_engine_freplace = {
	.name = "freplace",
	.kind = ROOT_KIND_XDP,
	.type = BPF_PROG_TYPE_EXT,
	.probe = probe_freplace,
	.build = build_freplace,
	.reopen = reopen_freplace,
};
