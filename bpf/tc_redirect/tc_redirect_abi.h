/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tc_redirect's BPF side and its control plane agree on.
 *
 * Contract: the maps below are pinned under their names. User space writes redirect_dests,
 * the program reads it; the program writes the counters, user space sets those of a number
 * to 0 before it gives the number to a prefix. Version rule: SLOT_MAP_ABI of the program is
 * raised when a map here changes its meaning but not its layout. Counters keep their
 * numbers; new ones take free ones.
 */
#ifndef TC_REDIRECT_ABI_H
#define TC_REDIRECT_ABI_H

#include <linux/types.h>

#include "bpf/prefix_abi.h"

/* The maps' names. */
#define TC_REDIRECT_DESTS_NAME "redirect_dests"
#define TC_REDIRECT_HITS_NAME "redirect_hits"
#define TC_REDIRECT_COUNTS_NAME "redirect_counts"

/* Prefixes of one host, both families together. */
#define TC_REDIRECT_DESTS_MAX 1024

enum tc_redirect_helper {
	TC_REDIRECT_PEER,  /* bpf_redirect_peer(): into the netns that the device's peer is in */
	TC_REDIRECT_NEIGH, /* bpf_redirect_neigh(): out of the device, as a neighbour behind it */
	TC_REDIRECT_HELPERS,
};

/*
 * Value of redirect_dests (LPM_TRIE). Its key is struct slot_prefix: a destination, in
 * tunnels that of the outer header.
 */
struct tc_redirect_dest {
	__u32 ifindex; /* of a device in the netns of the chain's interface */
	__u32 helper;  /* enum tc_redirect_helper */
	__u32 number;  /* element of redirect_hits; of no other prefix */
};

/*
 * Elements of redirect_hits (per-CPU array of struct slot_count, TC_REDIRECT_DESTS_MAX):
 * what was handed over, by prefix.
 *
 * Elements of redirect_counts (per-CPU array of struct slot_count): packets to any of the
 * prefixes, each once; other packets are not counted.
 */
enum tc_redirect_counter {
	/* Handed over. */
	TC_REDIRECT_TO_PEER,
	TC_REDIRECT_TO_NEIGH,

	/* Passed to the host's own stack, which routes them. */
	TC_REDIRECT_OTHER_HOST, /* the frame was sent to another MAC address, or to many */
	TC_REDIRECT_TAGGED,	/* of a VLAN: its interface has a chain of its own */
	TC_REDIRECT_NO_DEVICE,	/* the device is no longer there */
	TC_REDIRECT_TOO_LONG,	/* longer than the device's MTU, where it leaves by it */
	TC_REDIRECT_COUNTER_COUNT,
};

#define TC_REDIRECT_COUNTS_SIZE 16

_Static_assert(TC_REDIRECT_COUNTER_COUNT <= TC_REDIRECT_COUNTS_SIZE, "counters fit their map");
_Static_assert(sizeof(struct tc_redirect_dest) == 12, "value of redirect_dests");

#endif
