/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an emitted root to a loaded program. */
#ifndef SLOT_ROOT_LOAD_H
#define SLOT_ROOT_LOAD_H

#include <stdbool.h>

#include <linux/bpf.h>

#include "dispatcher/root.h"
#include "loader/lib/base/reason.h"

struct slot_root_kind {
	enum bpf_prog_type type;
	enum bpf_attach_type attach; /* expected_attach_type */
	const char *license;	     /* NULL: "GPL" */
	const char *log_dir;	     /* where a refusal's whole log goes; NULL: nowhere */
	bool has_frags;
	int target_fd;	   /* EXT: the program it extends */
	int target_btf_id; /* EXT: the function in it */
};

/*
 * slot_root_load - load @image with types made for it. @ret_fd is the caller's.
 * Returns 0 or -errno (-EACCES, -EINVAL from the verifier), says why.
 */
int slot_root_load(const struct root_image *image, const struct slot_root_kind *kind,
		   struct slot_reason *why, int *ret_fd);

/*
 * slot_root_func_id - the BTF id of @name in the loaded program @fd, for linking
 * an extension. Returns the id or -errno.
 */
int slot_root_func_id(int fd, const char *name);

#endif
