/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The network namespaces of a host, as far as this process may know of them. */
#ifndef SLOT_NETNS_LIST_H
#define SLOT_NETNS_LIST_H

#include <stddef.h>

#include <linux/types.h>

#include "loader/lib/base/reason.h"

#define SLOT_NETNS_LIST_MAX 256
#define SLOT_NETNS_LABEL_MAX 64

struct slot_netns_item {
	__u64 dev, ino;
	char label[SLOT_NETNS_LABEL_MAX]; /* "host", a name in /run/netns, "pid 12 (nginx)" */
	int fd;
};

struct slot_netns_list {
	struct slot_netns_item items[SLOT_NETNS_LIST_MAX]; /* the first is this thread's own */
	size_t count;
};

/*
 * slot_netns_list_get - this thread's own, those that have a name in SLOT_NETNS_DIR, and
 * those of the processes that this one may look at. What was left out, and why, is added
 * to @unseen. The descriptors keep the namespaces alive: slot_netns_list_free, soon.
 * Returns 0 or -errno where not even the own one can be opened.
 */
int slot_netns_list_get(struct slot_netns_list *ret_list, struct slot_reasons *unseen);
void slot_netns_list_free(struct slot_netns_list *list);

#endif
