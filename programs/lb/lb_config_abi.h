/* SPDX-License-Identifier: GPL-2.0-only */
/* The load balancer's load-time settings, of its ABI (lb_abi.h). */
#ifndef LB_CONFIG_ABI_H
#define LB_CONFIG_ABI_H

#include <stdbool.h>

#include <linux/types.h>

enum lb_hash {
	LB_JHASH,   /* Katran's */
	LB_XXHASH,  /* XXH32 */
	LB_MURMUR3, /* x86, 32 bits */
} __attribute__((packed));
#define LB_HASHES 3

/* Whether user space is told of flows for the device to mark, and what marks stand for. */
enum lb_marks {
	MARKS_OFF,
	MARKS_FLOW,	   /* each flow has its own, of this CPU's pool */
	MARKS_DESTINATION, /* a VIP's real has one, which user space chooses */
} __attribute__((packed));

/*
 * By these names in `settings { }` of slots.conf. What is off goes when the program is loaded, but
 * for the load of its byte: two instructions.
 */
struct lb_config {
	enum lb_hash hash; /* of a flow: its position in the ring */
	bool too_big;	   /* answer frames that do not fit with packet-too-big; false: drop them */
	bool decap; /* take tunnels apart first: those to lb_tunnels, and to source4 and source6 */
	bool tcp_server_id;   /* read server ids in TCP options */
	__u8 tcp_option_kind; /* 0xb7 */
	enum lb_marks hwmark;
	__u16 mtu;		/* of the way to the reals, bytes of IP */
	__u16 tcp_option_magic; /* of kinds 253 and 254 alone (bpf/tcp_id_abi.h); host byte order */
	/* With `hwmark`: a flow is told of at this many packets on a CPU within so many seconds, */
	__u16 hwmark_packets;
	__u16 hwmark_seconds;
	__u32 hwmark_rate; /* and so many flows in a second by each CPU */
};

#endif
