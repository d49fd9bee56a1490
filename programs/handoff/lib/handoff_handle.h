/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A handle: its last failure in words, and its way to the agent. */
#ifndef HANDOFF_HANDLE_H
#define HANDOFF_HANDLE_H

#include <stdint.h>

#include "loader/lib/base/reason.h"
#include "programs/handoff/lib/handoff.h"
#include "programs/handoff/lib/handoff_order.h"

struct handoff {
	struct slot_reason why;
	char *agent;		 /* its socket; NULL: the usual one, where the kernel says EPERM */
	int agent_fd;		 /* -1: not connected */
	int64_t silent_until_ms; /* of CLOCK_MONOTONIC: the agent did not answer, and is not asked */
};

/*
 * handoff_handle_order - do @order to @fd, or have the agent do it; @what, for words: "freeze".
 * Its version is set. Returns 0, -ETIMEDOUT where the agent did not answer in three seconds, or
 * did not lately, or -errno, and says why; a socket that was to be frozen is not.
 */
int handoff_handle_order(struct handoff *h, int fd, struct handoff_order *order, const char *what);

#endif
