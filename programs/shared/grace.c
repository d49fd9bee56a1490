/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/grace.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Longer than the kernel's own bound for one round of packet processing, two ticks. */
#define PACKETS_DONE_NS (50 * 1000 * 1000)

/*
 * With one CPU membarrier does not wait, and with nohz_full it is refused. Then a
 * time after which packets are through has to do: the program runs some hundred
 * nanoseconds, in softirq context.
 */
void program_grace(void)
{
	const struct timespec pause = { .tv_nsec = PACKETS_DONE_NS };

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ||
	    sysconf(_SC_NPROCESSORS_ONLN) < 2)
		nanosleep(&pause, NULL);
}
