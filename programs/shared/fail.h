/* SPDX-License-Identifier: GPL-2.0-only */
/* How a command that was refused ends. */
#ifndef PROGRAM_FAIL_H
#define PROGRAM_FAIL_H

#include "programs/cli.h"

#include "loader/lib/base/reason.h"

/* program_fail - the one line about it, on stderr. Returns PROGRAM_FAILED. */
int program_fail(const struct slot_reason *why);

/*
 * program_end - how a command ends by @err, 0 or -errno with @why: -EINVAL is that of words which
 * make no sense. Returns PROGRAM_OK, PROGRAM_USAGE or PROGRAM_FAILED, the last two with the line.
 */
int program_end(int err, const struct slot_reason *why);

#endif
