/* SPDX-License-Identifier: GPL-2.0-only */
/* The processes of a command: those that descend from it, and which sockets they hold. */
#ifndef SL_RUN_TREE_H
#define SL_RUN_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "loader/lib/base/reason.h"
#include "programs/shared/sockets.h"

#define SL_RUN_TREE_MAX 4096 /* processes of one command */

struct sl_run_tree {
	pid_t pids[SL_RUN_TREE_MAX];
	size_t count;
};

/*
 * sl_run_tree_get - all processes below the calling one, without @except, what is below that and
 * the session that it leads (0 or less: none), which outlives it below the caller. Those that the caller adopted as a subreaper are below it. @ret_tree is the
 * caller's to free. Returns 0, -E2BIG for more than SL_RUN_TREE_MAX, -errno from /proc; says why.
 */
int sl_run_tree_get(pid_t except, struct slot_reason *why, struct sl_run_tree **ret_tree);

/*
 * sl_run_tree_sockets - call @see for every socket of every process of @tree, once for each
 * descriptor: what was inherited is met again. A process that is gone meanwhile, or that is
 * not ours to look into, has none. Returns what @see returned last.
 */
int sl_run_tree_sockets(const struct sl_run_tree *tree, program_held_fn see, void *data);

/* sl_run_tree_is_empty - whether there is no such process; where that cannot be told, too. */
bool sl_run_tree_is_empty(pid_t except);

/* sl_run_tree_kill - end all of these at once. Their death is to be waited for. */
void sl_run_tree_kill(pid_t except);

/*
 * sl_run_tree_end_session - kill what belongs to @session of all that is below the caller. Returns
 * whether there was anything, that is, whether to call it again.
 */
bool sl_run_tree_end_session(pid_t session);

#endif
