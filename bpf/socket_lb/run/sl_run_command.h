/* SPDX-License-Identifier: GPL-2.0-only */
/* Starting what is run. */
#ifndef SL_RUN_COMMAND_H
#define SL_RUN_COMMAND_H

#include <signal.h>
#include <sys/types.h>

#include "loader/lib/base/reason.h"

#define SL_RUN_CANNOT_RUN 127 /* what a child ends with that could not become its command */

/*
 * sl_run_command_start - run @words as a child, with @mask blocked, and without the service manager's
 * ear: it would say READY before its sockets have packets. Returns 0, or what execvp(3) or fork(2)
 * failed with, as -errno, and then there is no child; says why.
 */
int sl_run_command_start(char *const *words, const sigset_t *mask, struct slot_reason *why,
			 pid_t *ret_child);

#endif
