/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flows that the device could mark: what the load balancer tells user space of them, with
 * the setting `hwmark`. Of its ABI (lb_abi.h). What marked packets meet is programs/hwmark.
 */
#ifndef LB_MARK_ABI_H
#define LB_MARK_ABI_H

#include <linux/types.h>

#define LB_CANDIDATES_NAME "lb_candidates"
#define LB_MARK_RATE_NAME "lb_mark_rate"
#define LB_MARK_POOL_NAME "lb_mark_pool"
#define LB_MARKS_WANTED_NAME "lb_marks_wanted"

#define LB_CANDIDATES 2048 /* of each CPU, a power of two */
#define LB_MARK_POOL_CPUS 128
#define LB_MARK_POOL_IDS 512 /* of each CPU, a power of two */
#define LB_MARKS_WANTED_BYTES (1 << 18)

/*
 * VIPs with one of these are never told of: what becomes of their packets, or how they look
 * when they are sent, is not said by address, port and real. LB_REWRITE neither.
 */
#define LB_MARKLESS_FLAGS                                                                          \
	(LB_NO_SRC_PORT | LB_NO_TABLE | LB_QUIC | LB_DST_PORT_ONLY | LB_SRC_ROUTING |              \
	 LB_LOCAL_VIP | LB_STABLE_ROUTING | LB_FLOW_MIGRATION)

/*
 * Element of lb_candidates (PERCPU_ARRAY), the data plane's own: a flow that counts its
 * packets, in the place that its tag chooses. Another one takes the place where this one is too slow
 * to be worth a mark in time.
 */
struct lb_candidate {
	__u64 tag; /* 0: free */
	__u32 packets;
	__u32 began; /* in 2^LB_TIME_SHIFT ns of CLOCK_MONOTONIC */
};

/* Element of lb_mark_rate (PERCPU_ARRAY of one), the data plane's own. */
struct lb_mark_rate {
	__u32 second; /* in 2^30 ns of CLOCK_MONOTONIC: in which @events were */
	__u32 events; /* flows that were worth it, told of or not */
	__u32 opened; /* whether the packet at hand came in a tunnel */
	__u32 pad;
};

/*
 * Element of lb_mark_pool (ARRAY, by CPU; to be mapped): free marks, with
 * `hwmark = flow`. User space alone puts marks and raises @put, the data plane on that CPU
 * alone takes them and raises @taken; both only ever grow, modulo 2^32. A CPU without an
 * element has an empty pool.
 */
struct lb_mark_pool {
	__u32 put;
	__u32 pad1[15];
	__u32 taken;
	__u32 pad2[15];
	__u32 ids[LB_MARK_POOL_IDS]; /* the mark with number n is in n % LB_MARK_POOL_IDS */
};

/*
 * What lb_marks_wanted (RINGBUF) carries: a flow that reached the threshold. Only what its
 * entry determines is told of: see "Marks" in README.md. A flow may be told of again.
 */
struct lb_mark_event {
	__u8 src[16]; /* as on the wire, the client's; IPv4: the first 4 bytes, the others 0 */
	__u8 dst[16]; /* the VIP's */
	__be16 sport;
	__be16 dport;
	__u8 proto; /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 is_ip6;
	__u8 encap;	  /* enum lb_encap, of the VIP */
	__u8 epoch;	  /* of the real, see struct lb_real */
	__u32 vip;	  /* number */
	__u32 real;	  /* index */
	__u32 generation; /* lb_generation in which the ring led the flow to the real */
	__u32 life;	  /* of the VIP, see struct lb_vip */
	__u32 mark;	  /* out of a pool; 0: user space chooses (MARKS_DESTINATION) */
	__u32 pad;
};

_Static_assert(sizeof(struct lb_candidate) == 16, "of lb_candidates");
_Static_assert(!(LB_CANDIDATES & (LB_CANDIDATES - 1)), "a place is chosen by bits");
_Static_assert(sizeof(struct lb_mark_rate) == 16, "of lb_mark_rate");
_Static_assert(sizeof(struct lb_mark_pool) % 64 == 0, "pools share no cache line");
_Static_assert(!(LB_MARK_POOL_IDS & (LB_MARK_POOL_IDS - 1)), "numbers go round at 2^32");
_Static_assert(sizeof(struct lb_mark_event) == 64, "an event");

#endif
