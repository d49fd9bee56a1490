/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "programs/lb/maps/lb_maps.h"

/* Longer than the kernel's own bound for one round of packet processing, two ticks. */
#define PACKETS_DONE_NS (50 * 1000 * 1000)

/* An element of an array can always be read, and by who opened it for that, written. */
void lb_maps_raise(const struct lb_maps *maps)
{
	__u32 zero = 0, generation = 0;

	bpf_map_lookup_elem(maps->fds[LB_MAP_GENERATION], &zero, &generation);
	generation++;
	/* No CPU sees it before what was written until now. */
	__sync_synchronize();
	bpf_map_update_elem(maps->fds[LB_MAP_GENERATION], &zero, &generation, BPF_ANY);
}

/*
 * With one CPU membarrier does not wait, and with nohz_full it is refused. Then a
 * time after which packets are through has to do: the program runs some hundred
 * nanoseconds, in softirq context.
 */
void lb_grace(const struct lb_maps *maps)
{
	const struct timespec pause = { .tv_nsec = PACKETS_DONE_NS };

	lb_maps_raise(maps);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ||
	    sysconf(_SC_NPROCESSORS_ONLN) < 2)
		nanosleep(&pause, NULL);
}
