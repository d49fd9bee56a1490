/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "loader/slotctl/progress.h"

static void *draw_progress(void *data)
{
	struct slot_progress *progress = data;
	struct timespec next;
	unsigned int seconds = 0;

	clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&progress->lock);
	while (!progress->is_over) {
		next.tv_sec++;
		while (!progress->is_over) {
			if (pthread_cond_timedwait(&progress->wake, &progress->lock, &next) ==
			    ETIMEDOUT)
				break;
		}
		if (!progress->is_over)
			fprintf(stderr, "\r\033[K%s ... %u s", progress->doing, ++seconds);
	}
	pthread_mutex_unlock(&progress->lock);
	if (seconds)
		fputs("\r\033[K", stderr);
	return NULL;
}

void slot_progress_open(struct slot_progress *progress, const char *doing)
{
	pthread_condattr_t attr;
	sigset_t all, before;

	memset(progress, 0, sizeof(*progress));
	if (!doing || !isatty(STDERR_FILENO))
		return;
	progress->doing = doing;
	pthread_mutex_init(&progress->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&progress->wake, &attr);
	pthread_condattr_destroy(&attr);

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	progress->is_open = !pthread_create(&progress->thread, NULL, draw_progress, progress);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void slot_progress_close(struct slot_progress *progress)
{
	if (!progress->is_open)
		return;
	pthread_mutex_lock(&progress->lock);
	progress->is_over = true;
	pthread_cond_signal(&progress->wake);
	pthread_mutex_unlock(&progress->lock);
	pthread_join(progress->thread, NULL);
	pthread_cond_destroy(&progress->wake);
	pthread_mutex_destroy(&progress->lock);
	progress->is_open = false;
}
