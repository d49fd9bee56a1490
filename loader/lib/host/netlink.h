/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to the kernel by netlink, in this thread's netns. */
#ifndef SLOT_NETLINK_H
#define SLOT_NETLINK_H

#include <stddef.h>

#include <libmnl/libmnl.h>

#include "loader/lib/base/answer.h"

/* Room for a question, and where one begins. */
#define SLOT_NETLINK_SIZE 1024

/*
 * slot_netlink_ask - send @request, a dump or one with NLM_F_ACK, to the protocol
 * @bus and hand each message of the answer to @read with @data. Returns 0, -EINTR
 * for a dump that changed meanwhile (what was read may be twice, or missing: ask
 * again), -errno from the kernel or from @read (MNL_CB_ERROR with errno).
 */
int slot_netlink_ask(int bus, const struct nlmsghdr *request, mnl_cb_t read, void *data);

/*
 * The most requests of a batch: the kernel answers all of them before the first answer is
 * read, and so many fit into a socket's buffer as it is by default.
 */
#define SLOT_NETLINK_BATCH_MAX 128

struct slot_netlink_batch {
	void *requests; /* @count of them follow each other in @size bytes */
	size_t size;
	size_t count;
	mnl_cb_t read; /* what the kernel tells beside its answers, by nlmsg_seq from 1; or NULL */
	void *data;    /* for that */
};

/*
 * slot_netlink_batch - send the requests of @batch to the protocol @bus, by one call. Their
 * flags and sequence numbers are set here. Each is carried out alone: @ret_answers has the
 * kernel's error of each, and its words (extended ack, Linux 4.12); -ENOBUFS where its answer
 * was lost, so that it may have been carried out. Returns 0, -E2BIG over
 * SLOT_NETLINK_BATCH_MAX, or -errno where nothing was sent.
 */
int slot_netlink_batch(int bus, const struct slot_netlink_batch *batch,
		       struct slot_answer *ret_answers);

/*
 * slot_netlink_family - the number of the generic netlink family @name. Returns 0,
 * -ENOENT where the kernel has none of that name, or -errno.
 */
int slot_netlink_family(const char *name, unsigned short *ret_family);

#endif
