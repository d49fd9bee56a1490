/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A prefix of either family, the key of programs' tries of destinations.
 *
 * Version rule: never changes; a program that needs another key uses a struct of its own and
 * raises its map ABI.
 */
#ifndef SLOT_BPF_PREFIX_ABI_H
#define SLOT_BPF_PREFIX_ABI_H

#include <linux/types.h>

/* The key of an LPM_TRIE. */
struct slot_prefix {
	__u32 len;     /* 32 for the family, and the prefix's own: 32 + 0 to 32, or to 128 */
	__u32 family;  /* 4 or 6 */
	__u8 addr[16]; /* network byte order; IPv4: the first 4 bytes, the others 0 */
};

#define SLOT_PREFIX_FAMILY_BITS 32

_Static_assert(sizeof(struct slot_prefix) == 24, "layout of a prefix");

#endif
