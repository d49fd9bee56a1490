/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_notify.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#define USEC UINT64_C(1000000)

void sl_run_notify_starting(void)
{
	sd_notify(0, "STATUS=starting");
}

void sl_run_notify_waiting(const char *why, unsigned int seconds)
{
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=waiting: %s", seconds * USEC, why);
}

/* MAINPID: where this is a successor, the service manager follows this process from now on. */
void sl_run_notify_serving(void)
{
	sd_notifyf(0, "READY=1\nMAINPID=%d\nSTATUS=serving", getpid());
}

void sl_run_notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=starting a successor",
		   (uint64_t)now.tv_sec * USEC + (uint64_t)now.tv_nsec / 1000);
}

void sl_run_notify_draining(size_t connections, uint64_t flows)
{
	sd_notifyf(0, "STATUS=draining, %zu connection%s, %" PRIu64 " flow%s", connections,
		   connections == 1 ? "" : "s", flows, flows == 1 ? "" : "s");
}

void sl_run_notify_stopping(unsigned int seconds)
{
	sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=ending", seconds * USEC);
}
