/* SPDX-License-Identifier: GPL-2.0-only */
/* Signals of a service, read from a descriptor. */
#ifndef PROGRAM_SIGNALS_H
#define PROGRAM_SIGNALS_H

#include "loader/lib/base/reason.h"

/*
 * program_signals_open - SIGINT, SIGTERM and @also, unless that is 0, come by a descriptor from now
 * on, non-blocking and the caller's to close, and by it alone. Returns 0 or -errno; says why.
 */
int program_signals_open(int also, struct slot_reason *why, int *ret_fd);

#endif
