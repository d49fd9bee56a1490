/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What chains left behind where slotd cannot reach: a filter in a netns that could not be
 * entered when its chain went elsewhere, or was taken off. A folder "left/<program id>" in
 * slotd's pins says that this root, of whatever generation and chain, is slotd's where it
 * is found. It holds no program: when neither a netns nor a chain has the root any more, it
 * ends, and the folder is removed. Beside those, in "left/clsact", are the marks of qdiscs that
 * chains left there when they were detached (clsact.c).
 */
#ifndef SLOT_LEFTOVER_H
#define SLOT_LEFTOVER_H

#include <stdbool.h>

#include "loader/lib/chain/chain.h"

/* slot_leftover_add - note that the root @prog_id was left behind. Returns 0 or -errno. */
int slot_leftover_add(const struct slot_host *host, __u32 prog_id);

/* slot_leftover_add_dir - the same for the roots of all generations in the folder @dir of a chain. */
void slot_leftover_add_dir(const struct slot_host *host, const char *dir);

/* slot_leftover_has - whether the root @prog_id was left behind. */
bool slot_leftover_has(const struct slot_host *host, __u32 prog_id);

/* slot_leftover_marks - the folder of marks, into @ret_path (PATH_MAX bytes). Returns 0 or -ENAMETOOLONG. */
int slot_leftover_marks(const struct slot_host *host, char *ret_path);

/* slot_leftover_sweep - forget those that run nowhere any more, and marks with the last. Returns whether any is left. */
bool slot_leftover_sweep(const struct slot_host *host);

#endif
