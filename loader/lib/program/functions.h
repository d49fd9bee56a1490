/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions of a loaded program. */
#ifndef SLOT_FUNCTIONS_H
#define SLOT_FUNCTIONS_H

#include <stddef.h>

#include <linux/types.h>

#include "loader/lib/program/program.h"

/*
 * slot_functions_get_global - the types of @program's global functions: for each of its
 * functions, in the order of their starts, its FUNC in the object's BTF, or 0 for a static one.
 *
 * The functions are those that the kernel kept: it takes away what no call leads to.
 * @program is loaded and has its object; @ret_types is the caller's (free), NULL where
 * there is nothing to tell: no BTF, or no global function. Returns 0, -ENOMEM or -errno.
 * Rests on bpf_prog_info.func_info (Linux 5.0).
 */
int slot_functions_get_global(const struct slot_program *program, __u32 **ret_types,
			      size_t *ret_count);

#endif
