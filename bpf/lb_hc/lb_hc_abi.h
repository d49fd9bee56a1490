/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lb_hc's BPF side and its control plane agree on.
 *
 * Contract: the maps below are pinned under their names. User space writes reals and
 * settings, the program reads them; the program writes the counters. Version rule:
 * SLOT_MAP_ABI in lb_hc.bpf.c is raised when a map here changes its meaning but not
 * its layout. Counters keep their numbers; new ones take free ones.
 */
#ifndef LB_HC_ABI_H
#define LB_HC_ABI_H

#include <linux/types.h>

#define LB_HC_REALS_NAME "lb_hc_reals"
#define LB_HC_CONTROL_NAME "lb_hc_control"
#define LB_HC_COUNTS_NAME "lb_hc_counts"

#define LB_HC_REALS_MAX 4096

/* The numbers of enum lb_encap. */
enum lb_hc_encap {
	LB_HC_IPIP, /* IPv4 in IPv4, IPv6 in IPv6, IPv4 in IPv6 */
	LB_HC_GUE,  /* UDP, variant 1: the inner IP header follows */
	LB_HC_L2,   /* the real's MAC, it is on the same segment */
	LB_HC_ENCAPS,
};

/* Value of lb_hc_reals (HASH); key __u32: the mark of probes for it, not 0. */
struct lb_hc_real {
	__u8 addr[16]; /* network byte order; IPv4: the first 4 bytes, the others 0 */
	__u8 mac[6];   /* for LB_HC_L2 */
	__u8 encap;    /* enum lb_hc_encap */
	__u8 is_ip6;
};

/*
 * Value of lb_hc_control (HASH of one, key __u32 0: its element is replaced as a
 * whole, so that a probe sees the old settings or the new ones).
 */
struct lb_hc_control {
	__u8 gateway[6]; /* where tunnels' frames go; zeros: where the host sent the probe */
	__u8 mac[6];	 /* where frames come from; zeros: from where the host sent the probe */
	__u32 ifindex;	 /* what frames leave through; 0: the interface that the probe is on */
	__u8 source4[4]; /* of outer headers; zeros: none, such probes are dropped */
	__u8 source6[16];
	__u16 gue_port; /* network byte order */
	__u16 pad;
};

#define LB_HC_COUNTS_SIZE 32
/* Counters from here on are of packets left alone, and of dropped ones. */
#define LB_HC_FIRST_LEFT 8
#define LB_HC_FIRST_DROP 16

/*
 * Elements of lb_hc_counts (per-CPU array of struct slot_count). Each packet with a
 * mark is counted once; bytes are those of the frame before it was put into a tunnel.
 */
enum lb_hc_counter {
	/* Sent to the real that the mark stands for; by kind, and by the real's family. */
	LB_HC_SENT_IPIP4,
	LB_HC_SENT_IPIP6,
	LB_HC_SENT_GUE4,
	LB_HC_SENT_GUE6,
	LB_HC_SENT_L2,

	/* Goes on as it came. */
	LB_HC_NO_REAL = LB_HC_FIRST_LEFT, /* the mark stands for no real here */

	/* Dropped: without its tunnel a probe would ask another real. */
	/* It does not fit the interface inside the tunnel, or awaits segmentation. */
	LB_HC_TOO_BIG = LB_HC_FIRST_DROP,
	LB_HC_MIXED_FAMILY, /* IPv6 to an IPv4 real: the load balancer sends none either */
	LB_HC_NO_SOURCE,    /* no source address is set for this family of outer headers */
	LB_HC_BAD_HEADER,   /* not IP, or cut short */
	LB_HC_REFUSED,	    /* the kernel would not make room */
	LB_HC_COUNTER_COUNT,
};

_Static_assert(LB_HC_COUNTER_COUNT <= LB_HC_COUNTS_SIZE, "counters fit their map");
_Static_assert(sizeof(struct lb_hc_real) == 24, "value of lb_hc_reals");
_Static_assert(sizeof(struct lb_hc_control) == 40, "value of lb_hc_control");

#endif
