/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benchmark of decap tells decap_restore.bpf.c. */
#ifndef BENCH_DECAP_RESTORE_ABI_H
#define BENCH_DECAP_RESTORE_ABI_H

#include <linux/types.h>

#define DECAP_BENCH_HEAD 64 /* bytes of a packet that are put back, all outer headers among them */

/* Who gets the packet, by its place in the program arrays. */
enum decap_bench_target {
	DECAP_BENCH_PASS,
	DECAP_BENCH_CUT, /* takes the outer headers off without a look at them */
	DECAP_BENCH_TESTED,
	DECAP_BENCH_TARGETS,
};

/* Element of restore_state (ARRAY of one). */
struct decap_bench_state {
	__u32 target;	 /* enum decap_bench_target */
	__u32 len;	 /* of the packet */
	__u32 outer_len; /* of the headers that a run takes off */
	__u32 pad;
	__u64 head[DECAP_BENCH_HEAD / 8];
};

#endif
