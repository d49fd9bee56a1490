/* SPDX-License-Identifier: GPL-2.0-only */
/* `slotctl handoff repair` in a process of a test, and those who ask it. Fails by cmocka. */
#ifndef TEST_HANDOFF_REPAIRER_H
#define TEST_HANDOFF_REPAIRER_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/types.h>

#include "programs/handoff/lib/handoff_order.h"
#include "tests/support/handoff_bed.h"

extern struct handoff_repairer {
	char dir[32], path[64], lock[72]; /* of the socket */
	pid_t pid;			  /* 0: it does not run */
	uid_t nobody;
	struct handoff_bed *bed;
} handoff_repairer;

/* handoff_repairer_open - its folder. Returns 0 or -1. handoff_repairer_close removes it. */
int handoff_repairer_open(struct handoff_bed *bed);
void handoff_repairer_close(void);

/*
 * handoff_repairer_start - obey @user, for port 443, with few descriptors; returns when it listens.
 * handoff_repairer_stop by this signal; returns the status of the process, -1 for none.
 */
void handoff_repairer_start(const char *user);
int handoff_repairer_stop(int how);
bool handoff_repairer_is_there(void);

/*
 * handoff_repairer_leave_bed - close what a service has of the bed by fork(): its process for each
 * client ends a little after it, and would still listen when the next bed does.
 */
void handoff_repairer_leave_bed(void);

/*
 * handoff_repairer_as_nobody - run @what as nobody, in a process of its own, that has bed->server
 * alone if @is_given; it returns 0, or the step that failed.
 */
void handoff_repairer_as_nobody(int (*what)(void), bool is_given);

/*
 * handoff_repairer_ask - connect and send these bytes, with @fd unless that is -1. Returns the
 * connection or -1. handoff_repairer_give: and return the err of the answer, which has to come.
 */
int handoff_repairer_ask(int fd, const void *order, size_t len);
int handoff_repairer_give(int fd, const void *order, size_t len);

/*
 * handoff_repairer_capture - handoff_capture() by the service, again where it took its time: only
 * who is told to be silent is. Returns what that returned last; the error is @h's.
 */
int handoff_repairer_capture(struct handoff *h, int fd, struct handoff_state **ret_state);

#endif
