/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an interface runs at a TC hook, slotd's or not, in the order in which packets meet it. */
#ifndef SLOT_FILTERS_H
#define SLOT_FILTERS_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "loader/lib/host/hook.h"

struct slot_filter {
	enum slot_tc_way way;
	__u32 prog_id;	/* 0: no BPF program */
	char kind[16];	/* "bpf", "flower", ... */
	char name[64];	/* of the program; empty: none, or it cannot be asked */
	__u32 chain;	/* those but 0 are reached from other filters only */
	__u32 pref;	/* clsact: lower ones first */
	__u32 handle;	/* clsact */
	__u16 protocol; /* clsact: ETH_P_..., host byte order */
};

struct slot_filters {
	struct slot_filter *items;
	size_t count;
};

/*
 * slot_filters_list - those at @hook (TC) of interface number @ifindex of this thread's
 * netns; none where there is no such interface. Returns 0 or -errno. @ret_filters:
 * slot_filters_free.
 */
int slot_filters_list(enum slot_hook hook, unsigned int ifindex, struct slot_filters *ret_filters);

/*
 * slot_filters_list_clsact - those of them that are filters of a qdisc, without their names.
 * A qdisc ingress answers for the egress hook with its own: ask slot_qdisc_has.
 */
int slot_filters_list_clsact(enum slot_hook hook, unsigned int ifindex,
			     struct slot_filters *ret_filters);

/* slot_filters_free - safe on an empty list. */
void slot_filters_free(struct slot_filters *filters);

/* slot_filter_is_own - whether it is where slotd's filter of a qdisc clsact is. */
bool slot_filter_is_own(const struct slot_filter *filter);

#endif
