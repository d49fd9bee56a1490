/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * One counter of a slot program, the value of its per-CPU array of counters.
 *
 * Version rule: never changes; a program that counts more uses a struct of its
 * own and raises its map ABI.
 */
#ifndef SLOT_BPF_COUNT_ABI_H
#define SLOT_BPF_COUNT_ABI_H

#include <linux/types.h>

struct slot_count {
	__u64 packets;
	__u64 bytes; /* of the frames as the program received them, from the Ethernet header on */
};

_Static_assert(sizeof(struct slot_count) == 16, "layout of a counter");

#endif
