/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What decap's BPF side and its control plane agree on.
 *
 * Contract: the maps below are pinned under their names. User space writes the
 * addresses, the program reads them; the program writes the counters. Version
 * rule: SLOT_MAP_ABI in decap.bpf.c is raised when a map here changes its
 * meaning but not its layout. Counters keep their numbers; new ones take free
 * ones.
 */
#ifndef DECAP_ABI_H
#define DECAP_ABI_H

#include <stdbool.h>

#include <linux/types.h>

#define DECAP_ADDRESSES_NAME "decap_addrs"
#define DECAP_COUNTS_NAME "decap_counts"

/* Tunnel addresses of one host, both families together. */
#define DECAP_ADDRESSES_MAX 4096

/*
 * Key of decap_addrs (hash; value __u32, always 1): an outer destination whose
 * tunnels end here. Network byte order; IPv4 as an IPv4-mapped IPv6 address
 * (RFC 4291, 2.5.5.2: ::ffff:a.b.c.d).
 */
struct decap_address {
	__u8 addr[16];
};

#define DECAP_COUNTS_SIZE 32
/* Counters from here on are of packets left alone, and of dropped ones. */
#define DECAP_FIRST_LEFT 8
#define DECAP_FIRST_DROP 24

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

	/* Passed as they came. */
	DECAP_NOT_LOCAL = DECAP_FIRST_LEFT, /* tunnel to an address that is not in decap_addrs */
	DECAP_BAD_OUTER, /* outer header wrong or cut short; may not be a tunnel at all */
	DECAP_BAD_INNER, /* inner version, header or length wrong, or longer than the outer payload */
	DECAP_FRAGMENT, /* outer packet is a part of a fragmented one */
	DECAP_OPTIONS,	/* outer IPv4 options, or extension headers but destination options */
	DECAP_NESTED,	/* what is inside is a tunnel again */

	/* Dropped. */
	DECAP_CONGESTED =
		DECAP_FIRST_DROP, /* outer says congestion experienced, inner cannot carry it (RFC 6040) */
	DECAP_REFUSED,		  /* the kernel would not move the packet's head */
	DECAP_PART,		  /* a part of any packet, where decap_config says so */
	DECAP_COUNTER_COUNT,
};

/* By these names in `settings { }` of slots.conf. What is off costs nothing. */
struct decap_config {
	bool drop_fragments; /* of all packets, tunnels or not, as Katran's decap does */
};

_Static_assert(DECAP_COUNTER_COUNT <= DECAP_COUNTS_SIZE, "counters fit their map");
_Static_assert(sizeof(struct decap_address) == 16, "key of decap_addrs");

#endif
