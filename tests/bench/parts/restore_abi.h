/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benchmark of the load balancer tells restore.bpf.c between runs. */
#ifndef BENCH_RESTORE_ABI_H
#define BENCH_RESTORE_ABI_H

#include <linux/types.h>

#define RESTORE_HEAD 64 /* bytes of a packet that are put back */
#define RESTORE_VARY_MAX (RESTORE_HEAD - 4)

/* Who gets the packet, by its place in restore_progs. */
enum restore_target {
	RESTORE_STAY, /* does nothing */
	RESTORE_GROW, /* moves the packet's head, as whoever encapsulates has to */
	RESTORE_TESTED,
	RESTORE_TARGETS = RESTORE_TESTED + 3,
};

/* Element of restore_state (ARRAY of one). */
struct restore_state {
	__u32 target;  /* enum restore_target */
	__u32 len;     /* of the packet, at least RESTORE_HEAD */
	__u32 vary_at; /* where the word begins that runs differ in, at most RESTORE_VARY_MAX */
	__u32 mask;    /* of the count of runs that is added to it, in network byte order */
	__u64 runs;
	__u64 head[RESTORE_HEAD / 8];
};

#endif
