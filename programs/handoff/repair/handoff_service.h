/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The service that freezes and thaws sockets for applications without CAP_NET_ADMIN: on a Unix
 * socket it is passed a descriptor and an order (programs/handoff/lib/handoff_order.h), does it,
 * and says what became of it. It keeps nothing: neither descriptors nor who asked for what.
 *
 * Who connects is served by a process of its own, and whoever may not ask told so by one: what a
 * client makes it wait for it waits for alone. The last close() of a socket with SO_LINGER waits,
 * in whatever process it happens, but for one that exits; and anybody can send such a socket.
 */
#ifndef HANDOFF_SERVICE_H
#define HANDOFF_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "loader/lib/base/reason.h"

#define HANDOFF_SERVICE_USERS 16
#define HANDOFF_SERVICE_PORTS 16
#define HANDOFF_SERVICE_OF_USER 128 /* clients at a time; who comes later is refused */
#define HANDOFF_SERVICE_REFUSED 16  /* that are being told so; who comes later waits */
#define HANDOFF_SERVICE_CLIENTS                                                                    \
	((HANDOFF_SERVICE_USERS + 1) * HANDOFF_SERVICE_OF_USER + HANDOFF_SERVICE_REFUSED)

struct handoff_service_client {
	pid_t pid; /* of the process that serves it */
	uid_t uid;
	bool is_refused;
};

struct handoff_service {
	const char *path;		    /* of the socket */
	uid_t users[HANDOFF_SERVICE_USERS]; /* who is obeyed, beside root */
	size_t user_count;
	uint16_t ports[HANDOFF_SERVICE_PORTS]; /* that it binds, with its right to */
	size_t port_count;
	int listener, signal_fd, lock; /* -1: closed */
	int waiting;		       /* a client that has no process yet, or -1 */
	bool is_bound;
	size_t client_count;
	struct handoff_service_client clients[HANDOFF_SERVICE_CLIENTS];
};

/*
 * handoff_service_open - listen at @service->path; a socket there that nobody listens at any more
 * is replaced. handoff_service_close, also where it fails, in a process that ends: a client that
 * waits goes with that. Returns 0, -EADDRINUSE where another service is there, -EEXIST where
 * something else is, -errno; says why.
 */
int handoff_service_open(struct handoff_service *service, struct slot_reason *why);
void handoff_service_close(struct handoff_service *service);

/*
 * handoff_service_run - obey, until SIGTERM or SIGINT. It reaps all children of the process; those
 * of its own end with it, after the order that they are at. Returns 0 or -errno; says why.
 */
int handoff_service_run(struct handoff_service *service, struct slot_reason *why);

#endif
