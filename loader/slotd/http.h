/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket: HTTP requests in, whole; answers out. Nothing here knows what is asked. */
#ifndef SLOTD_HTTP_H
#define SLOTD_HTTP_H

#include <stddef.h>

#include <jansson.h>

#include "loader/slotd/access.h"

struct http_server;

struct http_request {
	const char *method;
	const char *path;
	const char *name; /* query argument "name", or NULL */
	const void *body;
	size_t body_size;
	struct peer peer;
};

/* Answers one request: the status, and a new reference of what to say. */
typedef unsigned int (*http_handler)(void *data, const struct http_request *request,
				     json_t **ret_answer);

/*
 * http_start - serve @path, a unix socket that anyone may connect to, from the
 * caller's event loop: call http_run when http_fd is readable, or when
 * http_timeout_ms has passed. Replaces a socket that nobody listens on. A client
 * that is slow, silent or never reads holds up no other, and is let go after 10 s.
 * Returns 0, -EADDRINUSE when someone listens there, or -errno.
 */
int http_start(const char *path, http_handler handler, void *data, struct http_server **ret_server);
void http_stop(struct http_server *server);
int http_fd(const struct http_server *server);
void http_run(struct http_server *server);
/* http_timeout_ms - until http_run is due; -1: not before the descriptor is readable. */
int http_timeout_ms(const struct http_server *server);

#endif
