/* SPDX-License-Identifier: GPL-2.0-only */
/* One line on the terminal, with the seconds gone by, for whatever takes longer than a second. */
#ifndef SLOTCTL_PROGRESS_H
#define SLOTCTL_PROGRESS_H

#include <stdbool.h>

#include <pthread.h>

/* A thread of its own draws it: what is waited for may be a system call that must not be interrupted. */
struct slot_progress {
	const char *doing;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_open;
	bool is_over;
};

/*
 * slot_progress_open - from a second from now on, show "@doing ... 1 s" on stderr.
 *
 * Shows nothing where stderr is no terminal or @doing is NULL. @doing has to
 * outlive it. slot_progress_close takes the line away again; it accepts one
 * that is zeroed or closed.
 */
void slot_progress_open(struct slot_progress *progress, const char *doing);
void slot_progress_close(struct slot_progress *progress);

#endif
