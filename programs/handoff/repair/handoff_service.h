/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The service that freezes and thaws sockets for applications without CAP_NET_ADMIN: on a Unix
 * socket it is passed a descriptor and an order (programs/handoff/lib/handoff_order.h), does it,
 * and says what became of it. It keeps nothing: neither descriptors nor who asked for what.
 */
#ifndef HANDOFF_SERVICE_H
#define HANDOFF_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/types.h>

#include "loader/lib/base/reason.h"

#define HANDOFF_SERVICE_USERS 16
#define HANDOFF_SERVICE_CLIENTS 256 /* at a time; who comes later waits */

struct handoff_service {
	const char *path;		    /* of the socket */
	uid_t users[HANDOFF_SERVICE_USERS]; /* who is obeyed, beside root */
	size_t user_count;
	int listener, signal_fd; /* -1: closed */
	size_t client_count;
	int clients[HANDOFF_SERVICE_CLIENTS];
};

/*
 * handoff_service_open - listen at @service->path; a socket there that nobody listens at any more
 * is replaced. handoff_service_close, also where it fails. Returns 0, -EADDRINUSE where another
 * service is there, -errno; says why.
 */
int handoff_service_open(struct handoff_service *service, struct slot_reason *why);
void handoff_service_close(struct handoff_service *service);

/* handoff_service_run - obey, until SIGTERM or SIGINT. Returns 0 or -errno; says why. */
int handoff_service_run(struct handoff_service *service, struct slot_reason *why);

#endif
