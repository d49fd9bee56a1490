/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to the kernel by netlink, in this thread's netns. */
#ifndef SLOT_NETLINK_H
#define SLOT_NETLINK_H

#include <libmnl/libmnl.h>

/* Room for a question, and where one begins. */
#define SLOT_NETLINK_SIZE 512

/*
 * slot_netlink_ask - send @request, a dump or one with NLM_F_ACK, to the protocol
 * @bus and hand each message of the answer to @read with @data. Returns 0, -EINTR
 * for a dump that changed meanwhile (what was read may be twice, or missing: ask
 * again), -errno from the kernel or from @read (MNL_CB_ERROR with errno).
 */
int slot_netlink_ask(int bus, const struct nlmsghdr *request, mnl_cb_t read, void *data);

/*
 * slot_netlink_family - the number of the generic netlink family @name. Returns 0,
 * -ENOENT where the kernel has none of that name, or -errno.
 */
int slot_netlink_family(const char *name, unsigned short *ret_family);

#endif
