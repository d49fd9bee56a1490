/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a service manager hears (sd_notify(3)); where there is none, nothing happens.
 *
 * systemd takes STOPPING=1 for good: the unit is deactivating from there on, cannot become active
 * again, and is killed after TimeoutStopSec=. A drain may end in serving again, so STOPPING comes
 * not at its begin, but when the command is told to end. All of it is about the unit, so who has
 * handed its unit on to a successor of its own says nothing more.
 */
#ifndef SL_RUN_NOTIFY_H
#define SL_RUN_NOTIFY_H

#include <stddef.h>
#include <stdint.h>

/* sl_run_notify_starting - a command was started. */
void sl_run_notify_starting(void);

/* sl_run_notify_waiting - it waits for a place, as @why says, and may need @seconds from now on. */
void sl_run_notify_waiting(const char *why, unsigned int seconds);

/* sl_run_notify_serving - what is new comes to this process, which the unit is from now on. */
void sl_run_notify_serving(void);

/* sl_run_notify_reloading - a successor starts. */
void sl_run_notify_reloading(void);

/* sl_run_notify_draining - a newer one serves; this much is left. */
void sl_run_notify_draining(size_t connections, uint64_t flows);

/* sl_run_notify_stopping - after a drain the command was told to end, and has @seconds to do so. */
void sl_run_notify_stopping(unsigned int seconds);

#endif
