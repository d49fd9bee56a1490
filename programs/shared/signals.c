/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <sys/signalfd.h>

int program_signals_open(int also, struct slot_reason *why, int *ret_fd)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (also)
		sigaddset(&signals, also);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return slot_reason_set(why, -errno, "signalfd: %s", strerror(errno));
	*ret_fd = fd;
	return 0;
}
