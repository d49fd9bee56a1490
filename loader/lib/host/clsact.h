/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Filters of the qdisc clsact: how a chain's root is attached to a TC hook by a kernel
 * without tcx (before Linux 6.6). slotd's is of the kind bpf, direct action, with one
 * pref and handle at each hook, and outlives whoever made it. All work in the
 * netns that this thread is in.
 */
#ifndef SLOT_CLSACT_H
#define SLOT_CLSACT_H

#include <stdbool.h>

#include <linux/types.h>

#include "loader/lib/config/config.h"

/* Where slotd's filter is: behind those whose place the kernel chose, which counts down from 0xc000. */
#define SLOT_CLSACT_PREF 0xe000
#define SLOT_CLSACT_HANDLE 0x510d

/*
 * slot_clsact_query - the program of slotd's filter at @hook of @ifindex; 0 where there is
 * none, no qdisc or no interface. Returns 0, or -errno where the kernel does not say.
 */
int slot_clsact_query(enum slot_hook hook, unsigned int ifindex, __u32 *ret_prog_id);

/*
 * slot_clsact_attach - a filter that runs @prog_fd. The qdisc is there. Returns 0, -EEXIST
 * where somebody's filter is in its place, which is left alone, or -errno.
 */
int slot_clsact_attach(enum slot_hook hook, unsigned int ifindex, int prog_fd);

/*
 * slot_clsact_replace - have the filter run @new_fd, atomic per packet. Returns 0, -EPERM
 * where it does not run @old_fd, or -errno. The kernel does not compare: who writes to
 * slotd's own filter between the look and the replacement is overtaken.
 */
int slot_clsact_replace(enum slot_hook hook, unsigned int ifindex, int new_fd, int old_fd);

/* slot_clsact_remove - take the filter off. Returns 0, -EPERM as above, or -errno. */
int slot_clsact_remove(enum slot_hook hook, unsigned int ifindex, int old_fd);

/* Whose filters packets meet at TC hooks: both qdiscs have the same handle. */
enum slot_qdisc {
	SLOT_QDISC_NONE,
	SLOT_QDISC_CLSACT,
	SLOT_QDISC_INGRESS, /* the older one: it has no egress, and takes filters for that as its own */
};

/* slot_qdisc_find - which of them @ifindex has. Returns 0, also without the interface, or -errno. */
int slot_qdisc_find(unsigned int ifindex, enum slot_qdisc *ret_qdisc);

/* slot_qdisc_has - whether @qdisc has the hook @hook. */
bool slot_qdisc_has(enum slot_qdisc qdisc, enum slot_hook hook);

/* slot_clsact_add_qdisc - give @ifindex the qdisc. Returns 0, -EEXIST where it has one, or -errno. */
int slot_clsact_add_qdisc(unsigned int ifindex);

/*
 * slot_clsact_del_qdisc - remove the qdisc of @ifindex where no filter is left on it.
 * Returns 0, also without a qdisc or an interface, -EBUSY with filters, or -errno.
 */
int slot_clsact_del_qdisc(unsigned int ifindex);

#endif
