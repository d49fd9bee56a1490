/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections of slotd's own, to try programs of sockets on: in a child, whose netns has
 * nothing but loopback and ends with it. Packets get there while they are sent, but for
 * what the kernel puts off; a datagram that follows them on the same CPU tells when they have.
 */
#ifndef SLOT_LOOPBACK_H
#define SLOT_LOOPBACK_H

#include <netinet/in.h>

#include "loader/lib/base/reason.h"

/* What a child does. Returns 0 or -errno; of its memory nothing comes back. */
typedef int slot_loopback_visit(void *data);

#define SLOT_LOOPBACK_FD 3 /* the one descriptor that a visitor is lent */
#define SLOT_LOOPBACK_MS 1000

/*
 * slot_loopback_run - @visit(@data) in a child, on the CPUs of the calling thread, and wait for
 * its end; after SLOT_LOOPBACK_MS it is killed, as it is when this process ends. @fd is lent to
 * it (-1: none); no other is its own, or a lock that slotd dies with would outlive it. Returns 0, -ETIMEDOUT, what @visit returned, or -errno
 * where there is no such netns to be had; says why. Needs CAP_SYS_ADMIN and CAP_NET_ADMIN.
 * Rests on pidfd_open (Linux 5.3) and close_range (5.9). For processes of one thread.
 */
int slot_loopback_run(slot_loopback_visit *visit, void *data, int fd, struct slot_reason *why);

/* For visitors. All sockets are non-blocking, and theirs to close; all return -errno on failure. */

/*
 * slot_loopback_bind - a socket of @type (SOCK_STREAM listens) at @address of 127.0.0.1; port 0:
 * any, which is written there. With SO_REUSEPORT and @prog_fd at its group, unless that is
 * -1. Returns the socket.
 */
int slot_loopback_bind(int type, int prog_fd, struct sockaddr_in *address);

/* slot_loopback_connect - a socket of @type on its way to @address. */
int slot_loopback_connect(int type, const struct sockaddr_in *address);

/* slot_loopback_await - until @fd can be read, at most @timeout_ms. Returns 0 or -ETIMEDOUT. */
int slot_loopback_await(int fd, int timeout_ms);

/* slot_loopback_settle - until what was sent so far, from this CPU, has been looked at. */
int slot_loopback_settle(void);

#endif
