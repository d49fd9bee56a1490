/* SPDX-License-Identifier: GPL-2.0-only */
/* Versions on trial: looked at every second, taken back where they do worse than before. */
#ifndef SLOTD_TRIAL_H
#define SLOTD_TRIAL_H

#include "loader/slotd/daemon.h"

#define TRIAL_TICK_USEC 1000000

/* trial_is_under_way - whether any chain has a version on trial. */
bool trial_is_under_way(const struct daemon *daemon);

/* trial_tick - judge all of them. */
void trial_tick(struct daemon *daemon);

#endif
