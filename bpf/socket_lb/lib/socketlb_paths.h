/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where slotd pins a chain's program and the maps of its slots (docs/protocol.md). */
#ifndef SOCKETLB_PATHS_H
#define SOCKETLB_PATHS_H

#include "loader/lib/base/reason.h"

#define SOCKETLB_HOOK ":sk_reuseport" /* behind the title in the chain's name, which is as good */

/*
 * socketlb_paths_find - the program of the chain titled @chain, and the folder of the slot's
 * maps that runs socket_lb. Both are the caller's to free. Returns 0, -EINVAL for what is no
 * title, -ENOENT where there is none, or -errno; says why.
 */
int socketlb_paths_find(const char *chain, struct slot_reason *why, char **ret_program,
			char **ret_map_dir);

/*
 * socketlb_paths_only - the title, the caller's to free, of the only chain that has a slot which
 * runs socket_lb and that the caller may look into. Returns 0, -ENOENT where there is none, -ENOTUNIQ where there are
 * several, or -errno; says why.
 */
int socketlb_paths_only(struct slot_reason *why, char **ret_chain);

#endif
