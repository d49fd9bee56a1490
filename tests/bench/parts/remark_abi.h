/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benchmark of marked packets tells remark.bpf.c between runs. */
#ifndef BENCH_REMARK_ABI_H
#define BENCH_REMARK_ABI_H

#include <linux/types.h>

#define REMARK_HEAD 64 /* bytes of a packet that are put back */

enum remark_kind {
	REMARK_NONE,	    /* no packet has a mark */
	REMARK_FLOW,	    /* each flow has its own */
	REMARK_DESTINATION, /* so has each real */
};

/* Element of remark_state (ARRAY of one). */
struct remark_state {
	__u32 kind;    /* enum remark_kind */
	__u32 len;     /* of the packet, at least REMARK_HEAD */
	__u32 flows;   /* that packets are of */
	__u32 step;    /* from one packet's flow to the next one's, without a divisor of @flows */
	__u32 flow;    /* of the next packet */
	__u32 reals;   /* a power of two: flows that differ by it have the same mark */
	__be32 client; /* of flow 0; it is at byte 26 */
	__u32 pad;
	__u8 head[REMARK_HEAD];
};

#endif
