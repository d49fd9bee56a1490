/* SPDX-License-Identifier: GPL-2.0-only */
/* Talking to slotd: one request, one answer (docs/api.md). */
#ifndef SLOTCTL_CLIENT_H
#define SLOTCTL_CLIENT_H

#include <stddef.h>

#include <jansson.h>

#include "loader/lib/base/reason.h"

#define SLOT_ANSWER_SIZE_MAX (64U << 20)

/* One part of a form. */
struct slot_request_part {
	char name[32];
	const void *bytes;
	size_t size;
};

struct slot_request {
	const char *method;
	const char *path; /* from "/v1/" on, its parts escaped */
	const char *
		doing; /* shown on a terminal once it takes over a second; NULL: "waiting for slotd" */
	const void *body; /* or NULL */
	size_t size;
	const struct slot_request_part *parts; /* a form, in place of the body; NULL: none */
	size_t part_count;
	unsigned int timeout_ms; /* for the answer; 0: as long as such take */
};

/* Why something failed: one line, and more of them where slotd gave details. */
struct slot_failure {
	struct slot_reason why;
	struct slot_reasons details;
};

/*
 * slot_client_send - send @request to the slotd behind the unix socket @socket and wait for its answer.
 *
 * Returns 0 with the JSON object of a 200 in @ret_answer (json_decref it), or
 * writes to @failure what slotd or the transport said and returns:
 * -ENOTCONN nobody can be reached there, -ECONNRESET the talk broke off,
 * -ETIMEDOUT no answer in time, -EINTR a SIGINT or SIGTERM came in that the
 * caller holds blocked, -EFBIG an answer over SLOT_ANSWER_SIZE_MAX, -EPROTO an
 * answer that is not of the API; -EINVAL, -EPERM, -ENOENT, -EBUSY, -EFBIG or -EIO
 * for what slotd refused. One thread at a time.
 */
int slot_client_send(const char *socket, const struct slot_request *request,
		     struct slot_failure *failure, json_t **ret_answer);

/* slot_client_escape - @text as one part of a path. Returns a copy to free, or NULL when memory is out. */
char *slot_client_escape(const char *text);

#endif
