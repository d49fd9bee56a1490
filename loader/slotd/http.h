/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket: HTTP requests in, whole; answers out. Nothing here knows what is asked. */
#ifndef SLOTD_HTTP_H
#define SLOTD_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "loader/lib/base/reason.h"
#include "loader/slotd/access.h"
#include "loader/slotd/form.h"

struct http_server;

struct http_request {
	const char *method;
	const char *path;
	const char *name;	/* query argument "name", or NULL */
	const char *chain;	/* "chain", or NULL */
	const char *slots;	/* "slots", or NULL */
	const char *generation; /* "generation", or NULL */
	const char *reset_maps; /* "reset_maps", or NULL */
	size_t lines;		/* "lines", or 0 */
	const void *body;
	size_t body_size;
	const struct form *form; /* or this, where the body is one */
	struct peer peer;
};

/* What is wanted of a body. */
struct http_body {
	size_t max;   /* so much of it; 0: nothing */
	bool is_form; /* its parts, @max for all of them */
};

/*
 * Who answers. A request comes twice: to admit by its headers, before any of its
 * body is kept, and to handle as a whole. In between things may have changed, so
 * handle trusts nothing that admit found out. Both return the HTTP status, and in
 * @ret_answer a new reference of what to say.
 */
struct http_handler {
	/* 200 lets the request in, without an answer. */
	unsigned int (*admit)(void *data, const struct http_request *request,
			      struct http_body *ret_body, json_t **ret_answer);
	unsigned int (*handle)(void *data, const struct http_request *request, json_t **ret_answer);
	/* In place of handle, for one that was let in and whose body is refused: what is answered. */
	void (*refuse)(void *data, const struct http_request *request, const json_t *answer);
};

/* http_text_new - a JSON string of @text, '?' for each byte of it that is no UTF-8. */
json_t *http_text_new(const char *text);

/*
 * http_error_new - {"error": @text, "details": [...]}, whatever bytes they have;
 * @details may be NULL.
 */
json_t *http_error_new(const char *text, const struct slot_reasons *details);

/*
 * http_start - serve @path, a unix socket that anyone may connect to, from the
 * caller's event loop: call http_run when http_fd is readable, or when
 * http_timeout_ms has passed. Replaces a socket that nobody listens on. A client
 * that is slow, silent or never reads holds up no other, and is let go after 10 s.
 * A user other than root gets 16 connections at a time and all of them together 48
 * of 64, so that root always gets through. @handler outlives the server.
 * Returns 0, -EADDRINUSE when someone listens there, or -errno.
 */
int http_start(const char *path, const struct http_handler *handler, void *data,
	       struct http_server **ret_server);
void http_stop(struct http_server *server);
int http_fd(const struct http_server *server);
void http_run(struct http_server *server);
/* http_timeout_ms - until http_run is due; -1: not before the descriptor is readable. */
int http_timeout_ms(const struct http_server *server);

#endif
