/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where slotd pins a chain's program and the maps of its slots (docs/protocol.md). */
#ifndef SOCKETLB_PATHS_H
#define SOCKETLB_PATHS_H

#include "loader/lib/base/reason.h"

/*
 * socketlb_paths_find - the program of the chain titled @chain, and the folder of the slot's
 * maps that runs socket_lb. Both are the caller's to free. Returns 0, -EINVAL for what is no
 * title, -ENOENT where there is none, or -errno; says why.
 */
int socketlb_paths_find(const char *chain, struct slot_reason *why, char **ret_program,
			char **ret_map_dir);

#endif
