/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stream of bytes to another host over a socket that never blocks: TLS 1.3 with a certificate
 * on both sides, or plain where that was asked for.
 */
#ifndef HANDOFF_WIRE_H
#define HANDOFF_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/lib/base/reason.h"

/* What waits to be sent at most, before more is refused. */
#define HANDOFF_WIRE_WAITING_MAX (64U << 20)

struct handoff_wire_context;
struct handoff_wire;

/*
 * handoff_wire_context_new - what proves who this host is: @cert (PEM, its chain too) with @key,
 * and @ca, which other hosts' are to be signed by. Returns 0, or -EINVAL and says why. To
 * handoff_wire_context_free() after all wires of it; NULL is fine.
 */
int handoff_wire_context_new(const char *ca, const char *cert, const char *key,
			     struct slot_reason *why, struct handoff_wire_context **ret_context);
void handoff_wire_context_free(struct handoff_wire_context *context);

/* handoff_wire_context_is_of - whether others take its certificate for that of @name. */
bool handoff_wire_context_is_of(const struct handoff_wire_context *context, const char *name);

/*
 * handoff_wire_new - over the socket @fd, which becomes the wire's and may still be connecting.
 * @context may be NULL: plain. @name is who has to be at the other end of what was dialed, among
 * its certificate's alternative names: an address, or a DNS name letter by letter (no wildcard, and
 * no common name); NULL of what was accepted. Returns 0, -ENOMEM, or -EIO, and says why.
 */
int handoff_wire_new(int fd, struct handoff_wire_context *context, const char *name,
		     struct slot_reason *why, struct handoff_wire **ret_wire);

/* handoff_wire_free - end it and close its socket; NULL is fine. */
void handoff_wire_free(struct handoff_wire *wire);

/* handoff_wire_fd - its socket, which stays its own. */
int handoff_wire_fd(const struct handoff_wire *wire);

/* handoff_wire_is_ready - the handshake is over: bytes may be put. */
bool handoff_wire_is_ready(const struct handoff_wire *wire);

/* handoff_wire_has_waiting - it is to be run as soon as the socket can be written to. */
bool handoff_wire_has_waiting(const struct handoff_wire *wire);

/* handoff_wire_is_from - whether the other side's certificate is @name's, so; plain: yes. */
bool handoff_wire_is_from(const struct handoff_wire *wire, const char *name);

/*
 * handoff_wire_run - read and write what can be without waiting. Returns 0; -ECONNRESET where
 * the other side has ended it, -EACCES where it is not who it has to be, or -errno: all but 0 is
 * the end of it. Says why.
 */
int handoff_wire_run(struct handoff_wire *wire, struct slot_reason *why);

/*
 * handoff_wire_put - @bytes go behind what waits. Returns 0; -ENOBUFS, -ENOTCONN or -ENOMEM where
 * none of them was put; -EIO where a part of them may be, or -errno of the socket: all but those
 * three are the end of it.
 */
int handoff_wire_put(struct handoff_wire *wire, const void *bytes, size_t len);

/*
 * handoff_wire_rekey - what is put from now on is by a new key, which TLS makes of the one before
 * (RFC 8446 4.6.3). handoff_wire_put() does so by itself, long before a key has served enough.
 * Returns 0, as of a plain one, or -EIO.
 */
int handoff_wire_rekey(struct handoff_wire *wire);

/* handoff_wire_get - what arrived, valid until the next call. */
const uint8_t *handoff_wire_get(const struct handoff_wire *wire, size_t *ret_len);
/* handoff_wire_skip - take off @len of these bytes, not more than there are. */
void handoff_wire_skip(struct handoff_wire *wire, size_t len);

#endif
