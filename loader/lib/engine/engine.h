/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Engines: how a generation is built from a root and its programs. One small
 * contract, two ways; what runs in the end behaves the same.
 *
 * freplace: the root calls a stub per slot, and each program is an extension
 * that replaces its stub. A program is loaded once and linked into as many
 * roots as there are generations.
 *
 * fused: each program is verified on its own, then its instructions are placed
 * behind the root and loaded as one program. fused-tc, fused-sock_ops, fused-sk_lookup and
 * fused-sk_reuseport: the same of other kinds of programs.
 */
#ifndef SLOT_ENGINE_H
#define SLOT_ENGINE_H

#include <stdbool.h>

#include "loader/lib/program/program.h"
#include "loader/lib/base/reason.h"
#include "loader/lib/registry/state.h"

/* What is to be built, and where its parts come from. */
struct slot_build {
	const struct slot_chain_state *state;
	struct slot_program
		*programs[ROOT_SLOTS]; /* of the slots that run: open, or loaded earlier */
	struct slot_program *canaries[ROOT_SLOTS]; /* beside them, where state has a canary */
	bool has_frags;				   /* all programs take multi-buffer packets */
	const char *dir;     /* folder of this generation's pins; NULL: a trial that pins nothing */
	const char *map_dir; /* maps/NAME of the chain; NULL: all maps are new */
	const char *
		stage_dir; /* maps/NAME of this generation: new maps, until the swap; NULL: not pinned */
	/* Of each slot that borrows of another chain, where that one's slot has its maps; else NULL. */
	char *lender_dirs[ROOT_SLOTS];
	const struct slot_map_orders *map_orders; /* of each slot; NULL: none */
	const char *log_dir;
	int counters_fd; /* -1: count nothing */
	unsigned int cpu_max;
};

struct slot_engine {
	const char *name;
	enum root_kind kind;
	enum bpf_prog_type type; /* that it loads programs as: its kind's, or EXT */

	/* Whether this kernel can do it. Returns 0, or -errno and why not. */
	int (*probe)(struct slot_reason *why);

	/*
	 * Load what is not loaded yet, make the root, link and pin what must
	 * outlive slotd in build->dir. @ret_root_fd is the caller's. On failure
	 * what was pinned is left for the caller to remove with the folder.
	 */
	int (*build)(const struct slot_engine *engine, const struct slot_build *build,
		     struct slot_reason *why, int *ret_root_fd);

	/*
	 * A program of @slot as the generation in @dir has it pinned, or -ENOENT
	 * for an engine that links from objects. @ret_program: slot_program_free.
	 */
	int (*reopen)(const char *dir, unsigned int slot, enum root_version version,
		      struct slot_program **ret_program);
};

extern const struct slot_engine slot_engine_freplace;
extern const struct slot_engine slot_engines_fused[ROOT_KIND_COUNT];

/*
 * slot_engine_choose - the engine of @hook for @choice; of XDP auto takes freplace where the
 * kernel accepts it, else fused; all others are fused. @ret_reason says why this one.
 * Returns 0, or -ENOTSUP when the engine asked for does not work here, and why.
 */
int slot_engine_choose(enum slot_hook hook, enum slot_engine_choice choice, struct slot_reason *why,
		       const struct slot_engine **ret_engine, struct slot_reason *ret_reason);

/* slot_engine_find - by the name that a record gives, or NULL. */
const struct slot_engine *slot_engine_find(const char *name);

/* slot_build_program - what is to run as @version of @slot, or NULL. */
struct slot_program *slot_build_program(const struct slot_build *build, unsigned int slot,
					enum root_version version);

/*
 * slot_build_slot - for engines: what the root needs to know of @slot before it
 * has any bodies: rules, and which packets go to the canary.
 */
struct root_slot slot_build_slot(const struct slot_build *build, unsigned int slot);

/*
 * slot_build_load - for engines: load @version of @slot if it is not loaded yet,
 * with its maps where the build has them: as the extension of its stub in
 * @root_fd, or, where that is -1, as the program that it is. A loaded extension fits any
 * stub of any root. Either way it is held against the limits of its reservation.
 * Returns 0, -EACCES or -EFBIG for a program beyond them, -errno; says why.
 */
int slot_build_load(const struct slot_build *build, unsigned int slot, enum root_version version,
		    int root_fd, struct slot_reason *why);

#endif
