/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A slot's program: an unmodified BPF object of which one function runs in the
 * chain. Opened, then given its settings and maps, then loaded.
 */
#ifndef SLOT_PROGRAM_H
#define SLOT_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>

#include "loader/lib/host/blob.h"
#include "loader/lib/program/kind.h"
#include "loader/lib/registry/manifest.h"
#include "loader/lib/base/reason.h"
#include "loader/lib/registry/map_orders.h"
#include "loader/lib/registry/state.h"

struct bpf_object;
struct bpf_program;

struct slot_program {
	struct bpf_object *object; /* NULL for a program taken over from a pin */
	struct bpf_program *entry; /* the function that runs in the chain; owned by object */
	struct slot_manifest manifest;
	int fd; /* of entry, -1 until it is loaded */
	enum root_kind kind;
	enum bpf_prog_type type; /* as loaded: its kind's, or EXT; UNSPEC until then */
	bool has_frags;		 /* as written: able to take multi-buffer packets */
	__u32 held_to;		 /* without object: slot_limits_mask of what it was held against */
};

/* Where a program's maps live and its verifier log goes. */
struct slot_program_place {
	const char *map_dir; /* pins of maps that outlive versions: reused where present */
	const char *
		stage_dir; /* where maps that are new get pinned until the swap; NULL: not pinned */
	const char *lender_map_dir;   /* map_dir of the slot whose maps it may use; NULL: none's */
	const char *lender_stage_dir; /* stage_dir of that slot */
	const struct slot_map_orders *map_orders; /* NULL: every map with a pin is reused */
	const char *log_dir; /* full verifier logs of refused objects; NULL: not kept */
	bool has_frags;	     /* load for a chain that takes multi-buffer packets */
};

/*
 * slot_program_open - open the object in @blob, choose its function and set its
 * load-time settings.
 *
 * That the object asks libbpf to pin its maps by name is not honoured: a slot's
 * maps live with the slot, and a trial pins nothing.
 *
 * @function chooses among several programs (empty: the manifest's, or the only one: of
 * the manifest's hook, else of the first of enum root_kind that the object has any of).
 * Returns 0, -EINVAL for what no chain takes, -ENOENT for an unknown
 * function or setting, -ENOMEM; says why. @ret_program: slot_program_free.
 */
int slot_program_open(const struct slot_blob *blob, const char *function,
		      const struct slot_settings *settings, struct slot_reason *why,
		      struct slot_program **ret_program);

/*
 * slot_program_check_hook - whether the opened program is one for @hook. Returns 0, or
 * -EINVAL and why not. Pure.
 */
int slot_program_check_hook(const struct slot_program *program, enum slot_hook hook,
			    struct slot_reason *why);

/*
 * slot_program_load - verify and load as the program that it is.
 * slot_program_load_ext - verify and load as the extension of @stub in the loaded program @root_fd.
 *
 * Maps that @place has pins for are reused; where their shape differs the load
 * is refused with -EEXIST. Returns 0 or -errno, says why, with the end of the
 * verifier's log. A program that failed to load can only be freed.
 */
int slot_program_load(struct slot_program *program, const struct slot_program_place *place,
		      struct slot_reason *why);
int slot_program_load_ext(struct slot_program *program, const struct slot_program_place *place,
			  int root_fd, const char *stub, struct slot_reason *why);

/* slot_program_from_fd - an extension that is loaded already; takes @fd over. Returns 0 or -ENOMEM. */
int slot_program_from_fd(int fd, struct slot_program **ret_program);

void slot_program_free(struct slot_program *program);

#endif
