/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What decap's and tc_decap's BPF sides and their control plane agree on.
 *
 * Contract: the maps below are pinned under their names. User space writes addresses,
 * ids and settings, the program reads them; the program writes the counters. Version
 * rule: SLOT_MAP_ABI of the programs is raised when a map here changes its meaning but
 * not its layout. Counters keep their numbers; new ones take free ones.
 */
#ifndef DECAP_ABI_H
#define DECAP_ABI_H

#include <stdbool.h>

#include <linux/types.h>

#include "bpf/prefix_abi.h"
#include "bpf/tcp_id_abi.h"

/* The maps' names. */
#define DECAP_ADDRESSES_NAME "decap_addrs"
#define DECAP_PREFIXES_NAME "decap_prefixes"
#define DECAP_SERVED_NAME "decap_served"
#define DECAP_IDS_NAME "decap_ids"
#define DECAP_CONTROL_NAME "decap_control"
#define DECAP_COUNTS_NAME "decap_counts"

/* Of one host, both families together. */
#define DECAP_ADDRESSES_MAX 4096
#define DECAP_PREFIXES_MAX 4096
#define DECAP_SERVED_MAX 4096
#define DECAP_IDS_MAX 64

/*
 * Key of decap_addrs (hash; value __u32, always 1): an outer destination whose
 * tunnels end here. Network byte order; IPv4 as an IPv4-mapped IPv6 address
 * (RFC 4291, 2.5.5.2: ::ffff:a.b.c.d).
 */
struct decap_address {
	__u8 addr[16];
};

/*
 * Key of decap_prefixes and decap_served (LPM_TRIE; value __u32, always 1): struct slot_prefix.
 * decap_prefixes: outer destinations, asked for what is not in decap_addrs. decap_served: inner
 * ones.
 */

/* decap_ids (hash): key __u32, an id of this host's in the TCP option; value __u32, always 1. */

enum decap_flag {
	DECAP_STRICT = 1 << 0,	   /* what could not be taken out of our tunnels is dropped */
	DECAP_HAS_SERVED = 1 << 1, /* inner destinations are those in decap_served, else all */
	DECAP_HAS_IDS = 1 << 2,	   /* inner TCP's server ids are compared with decap_ids */
};

/* Element 0 of decap_control (array); 8 bytes, so that none sees half of a change. */
struct decap_control {
	__be16 gue_port; /* UDP port of GUE; 0: none, GUE is left alone */
	__u8 flags;	 /* enum decap_flag */
	__u8 tcp_option; /* kind of the TCP option with the server's id; 0: the one below */
	__u32 stamp;	 /* of the tunnel addresses: odd while they change, then another one */
};

/*
 * Value of decap_known (per-CPU array of one), the program's own: the last outer destination
 * that it looked up with success. Holds while @stamp is the one above, and 1.
 */
struct decap_known {
	__u64 dest[2]; /* as in decap_addrs, by words */
	__u32 stamp;
	__u32 pad;
};

#define DECAP_TCP_OPTION TCP_ID_KATRAN

#define DECAP_COUNTS_SIZE 32
/* Counters from here on are of packets left alone, of dropped ones, and of counted ones. */
#define DECAP_FIRST_LEFT 8
#define DECAP_FIRST_DROP 18
#define DECAP_FIRST_NOTE 30
/* From a reason to leave a tunnel of ours alone to the same one to drop it. */
#define DECAP_TO_STRICT 8

/*
 * Elements of decap_counts (per-CPU array of struct slot_count). Each packet
 * that is, or may be, a tunnel packet is counted once; other packets are not.
 */
enum decap_counter {
	/* Taken out of their tunnel, and passed. */
	DECAP_IP4_IN_IP4,
	DECAP_IP6_IN_IP6,
	DECAP_IP4_IN_IP6,
	DECAP_IP6_IN_IP4,
	DECAP_GUE4_IN_IP4, /* IPv4 in GUE over IPv4, and so on */
	DECAP_GUE6_IN_IP6,
	DECAP_GUE4_IN_IP6,
	DECAP_GUE6_IN_IP4,

	/* Passed as they came. */
	DECAP_NOT_LOCAL = DECAP_FIRST_LEFT, /* tunnel to an address that is not ours */
	DECAP_BAD_OUTER, /* outer header wrong or cut short; may not be a tunnel at all */
	DECAP_BAD_INNER, /* inner version, header or length wrong, or longer than the outer payload */
	DECAP_FRAGMENT,	   /* outer packet is a part of a fragmented one */
	DECAP_OPTIONS,	   /* outer IPv4 options, or extension headers but destination options */
	DECAP_NESTED,	   /* what is inside is a tunnel again */
	DECAP_NOT_SERVED,  /* the inner destination is none of those that are served */
	DECAP_BAD_GUE,	   /* GUE of another version, cut short, or without IP inside */
	DECAP_GUE_CONTROL, /* a control message of GUE: the host's, strict or not */
	DECAP_TAGGED,	   /* in tc_decap alone: a second tag, which is in the frame there */

	/* Dropped. From bad_inner to bad_gue: where strict, with the numbers above + 8. */
	DECAP_STRICT_BAD_INNER = DECAP_FIRST_DROP,
	DECAP_STRICT_FRAGMENT,
	DECAP_STRICT_OPTIONS,
	DECAP_STRICT_NESTED,
	DECAP_STRICT_NOT_SERVED,
	DECAP_STRICT_BAD_GUE,
	DECAP_CONGESTED, /* outer says congestion experienced, inner cannot carry it (RFC 6040) */
	DECAP_REFUSED,	 /* the kernel would not move the packet's head */
	DECAP_PART,	 /* a part of any packet, where decap_config says so */

	/* Once more, of those taken out and passed: inner TCP with a server's id in its option. */
	DECAP_SERVER_ID = DECAP_FIRST_NOTE, /* any */
	DECAP_MISROUTED,		    /* and it is none of decap_ids */
	DECAP_COUNTER_COUNT,
};

/* By these names in `settings { }` of slots.conf. What is off costs nothing. */
struct decap_config {
	bool drop_fragments; /* of all packets, tunnels or not, as Katran's decap does */
	__u8 pad;
	__u16 tcp_option_magic; /* of kinds 253 and 254 alone (bpf/tcp_id_abi.h); host byte order */
};

_Static_assert(DECAP_COUNTER_COUNT <= DECAP_COUNTS_SIZE, "counters fit their map");
_Static_assert(DECAP_STRICT_BAD_GUE == DECAP_BAD_GUE + DECAP_TO_STRICT, "numbers of strict");
_Static_assert(DECAP_STRICT_BAD_GUE < DECAP_CONGESTED, "numbers of strict");
_Static_assert(DECAP_CONGESTED == 24, "a number that was given out stays");
_Static_assert(sizeof(struct decap_address) == 16, "key of decap_addrs");
_Static_assert(sizeof(struct decap_control) == 8, "value of decap_control");
_Static_assert(sizeof(struct decap_known) == 24, "value of decap_known");

#endif
