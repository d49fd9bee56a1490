/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the BPF side of hwmark and its control plane agree on.
 *
 * Contract: the maps below are pinned under their names, beside those of the load balancer
 * whose slot this one names (lb_abi.h: lb_control, lb_active, lb_generation, lb_reals,
 * lb_vip_counts, lb_real_counts), which are the same maps. User space writes
 * entries, the program reads them, and ends them; the program writes the counters. Version rule:
 * SLOT_MAP_ABI in hwmark.bpf.c is raised when a map here changes its meaning but not its
 * layout. Counters keep their numbers; new ones take free ones.
 *
 * Addresses and ports are in network byte order, everything else in the host's.
 */
#ifndef HWMARK_ABI_H
#define HWMARK_ABI_H

#include <linux/types.h>

#include "programs/lb/lb_abi.h"

#define HWMARK_ENTRIES_NAME "hwmark_entries"
#define HWMARK_COUNTS_NAME "hwmark_counts"
#define HWMARK_AGENT_NAME "hwmark_agent"
#define HWMARK_FLUSH_NAME "hwmark_flush"

#define HWMARK_MARKS 65536 /* 16 bits of mark: what the setting `marks` is unless it is given */

/* What the device writes in front of a packet, directly before its first byte, and nothing else. */
struct hwmark_meta {
	__u32 mark; /* 0: none */
};

/*
 * Element of hwmark_entries (ARRAY, by mark; 0 is never a mark): what packets with the mark
 * are, and where they go. A cache line. To write one that is free: all of it with generation
 * 0, then the same with the generation. To free it: generation 0, then a grace period,
 * before which it is not written again; and before either no rule has the mark any more.
 * With HWMARK_FLOW the program sets generation 0 when the flow begins anew or breaks off (SYN,
 * RST), whether it holds or not: user space changes it there by compare and exchange.
 */
struct hwmark_entry {
	__u32 generation; /* lb_generation for which it holds, not 0; 0: free */
	__u32 vip;	  /* number: its counters */
	__u32 real;	  /* index into lb_reals */
	__u8 epoch;	  /* the real's: another one is another real */
	__u8 proto;	  /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 is_ip6;
	__u8 encap;   /* enum lb_encap, not LB_REWRITE */
	__u32 dst[4]; /* the VIP's address, as in packets; IPv4: the first word, the others 0 */
	__u32 src[4]; /* HWMARK_FLOW: the client's, likewise */
	__be16 sport; /* HWMARK_FLOW: the client's */
	__be16 dport; /* HWMARK_DESTINATION: 0: all, no VIP has one alone */
	__u32 refreshed; /* HWMARK_FLOW: the data plane's own, s (2^30 ns): of the last HWMARK_REFRESH */
	__u32 pad[2];
};

/* Of packets with a mark; each adds one to one of the ends. The others are not counted. */
enum hwmark_counter {
	/* Ends: the chain goes on, to the load balancer, with the packet as it came. */
	HWMARK_REFRESH, /* so that the flow table knows the flow, see `refresh` */
	HWMARK_SYN,	/* begins a connection, which the load balancer places, or breaks it off */
	HWMARK_OFF,	/* the load balancer has no gateway */
	HWMARK_UNKNOWN, /* the mark has no entry */
	HWMARK_STALE,	/* the load balancer changed since, or the real is gone */
	HWMARK_OTHER_VIP,  /* the packet is for another address, port or protocol */
	HWMARK_OTHER_FLOW, /* its client is another (HWMARK_FLOW) */
	HWMARK_NOT_IP,	   /* neither IPv4 nor IPv6; VLAN tags too */
	HWMARK_OPTIONS,	   /* of IPv4 */
	HWMARK_FRAGMENT,
	HWMARK_TOO_LONG,   /* longer than `mtu` */
	HWMARK_CUT,	   /* cut short */
	HWMARK_NOT_SENT,   /* no way to the real that allows the family, or no room */
	HWMARK_OTHER_META, /* what is in front of the packet is no struct hwmark_meta */
	HWMARK_NO_SOURCE, /* this kernel does not show a veth's marks (HWMARK_VETH), of any packet */
	HWMARK_PASSED_COUNT,

	/* Ends: sent to a real, of either family. With the load balancer's numbers. */
	HWMARK_SENT4 = LB_SENT4,
	HWMARK_SENT6 = LB_SENT6,

	/* Event: sent although longer than `mtu` with its outer headers. */
	HWMARK_SENT_LONG = LB_SENT_LONG,
};

/*
 * Element of hwmark_counts (PERCPU_ARRAY of one). VIPs and reals count in the load balancer's
 * maps; its ends are of the packets that came to it.
 */
struct hwmark_counts {
	__u64 count[LB_COUNTERS]; /* enum hwmark_counter */
	struct hwmark_clock {
		__u64 tick; /* the kernel's, when @turn was found */
		__u32 turn; /* s (2^30 ns), or a number of HWMARK_DESTINATION's turns */
		__u32 pad;
	} clock; /* the data plane's own */
};

#define HWMARK_LATENCIES 26  /* bucket n: below 2^n us; the last: all others */
#define HWMARK_DEVICE_MAX 16 /* IFNAMSIZ */

/*
 * Element of hwmark_agent (ARRAY of one): what the agent says of itself and where its rules
 * are. The agent alone writes it, several times a second while it runs; what is there stays
 * for commands that come later. Whether it runs says the lock of the maps' folder.
 */
struct hwmark_agent {
	__u64 owner; /* of its rules, see loader/lib/offload/flower.h; 0: no agent ever ran */
	__u64 netns; /* where they are: SO_NETNS_COOKIE; 0: none is left */
	char device[HWMARK_DEVICE_MAX];
	__u32 ifindex; /* of @device, when it was last there */
	__u8 is_egress;
	__u8 offload; /* enum slot_flower_mode */
	__u16 pref;
	__u32 flows_max;
	__u32 flows;	  /* in its table, now */
	__u32 marks;	  /* that stand for something, now */
	__u32 in_pools;	  /* marks that wait in lb_mark_pool, now */
	__u64 flushing;	  /* the last number of hwmark_flush that was seen, */
	__u64 flushed;	  /* and that was carried out */
	__u64 events;	  /* that were read; each is one of the next: */
	__u64 taken;	  /* a flow began to be offloaded, */
	__u64 known;	  /* was so already, */
	__u64 refused;	  /* may not be: changed since, down, or with another's mark, */
	__u64 full;	  /* no place in the table, or no mark free, */
	__u64 paused;	  /* or the device takes nothing just now */
	__u64 mismatched; /* of lb's other mode */
	__u64 aged;	  /* flows that went because they were idle, */
	__u64 outdated;	  /* because the load balancer changed, */
	__u64 ended;	  /* because their client began anew, */
	__u64 vanished;	  /* because their rule was gone */
	/* Of the queue, see loader/lib/offload/queue.h. */
	__u64 pending;
	__u64 installed;
	__u64 failed;
	__u64 cancelled;
	__u64 removed;
	__u64 not_removed;
	__u64 latency[HWMARK_LATENCIES];
};

/* Where a packet's mark is. */
enum hwmark_source {
	HWMARK_META, /* struct hwmark_meta */
	HWMARK_VETH, /* the skb's, on a veth whose other end is in the same netns (Linux 6.3) */
} __attribute__((packed));

/* What a mark stands for. */
enum hwmark_mode {
	HWMARK_FLOW,	    /* one flow */
	HWMARK_DESTINATION, /* a VIP's real, whoever the client is */
} __attribute__((packed));

/* By these names in `settings { }` of slots.conf. */
struct hwmark_config {
	enum hwmark_source mark_from;
	enum hwmark_mode mode;
	__u16 mtu;     /* as the load balancer's: of the way to the reals, bytes of IP */
	__u32 marks;   /* entries: marks are below */
	__u32 refresh; /* s (2^30 ns): how often each flow goes on to the load balancer; 0: never */
};

_Static_assert(sizeof(struct hwmark_entry) == 64, "an entry is a cache line");
_Static_assert(HWMARK_PASSED_COUNT <= (int)LB_FIRST_SENT, "counters keep clear of the others");
_Static_assert(sizeof(struct hwmark_config) == 12, "settings without padding");

#endif
