/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a socket has beside its connection's numbers: plain options, and kTLS. */
#ifndef HANDOFF_SOCKET_H
#define HANDOFF_SOCKET_H

#include <stdbool.h>

#include "loader/lib/base/reason.h"
#include "programs/handoff/lib/handoff_state.h"

/* handoff_socket_get - an option that is a number. handoff_socket_set. Return 0 or -errno. */
int handoff_socket_get(int fd, int level, int name, int *ret_value);
int handoff_socket_set(int fd, int level, int name, int value);

/* handoff_options_take - into @state, whose family is known. Returns 0 or -errno; says why. */
int handoff_options_take(int fd, struct handoff_state *state, struct slot_reason *why);

/* handoff_options_put - those of @state; what this host refuses stays as it has it. */
void handoff_options_put(int fd, const struct handoff_state *state);

/*
 * handoff_tls_check - whether a record is under way in @fd, in repair or not; one that was begun is
 * ended first. Of @state, is_peer_closed is known, and has_tls is set: fine without kTLS.
 * handoff_tls_records: of one with keys, with so many bytes written and not acknowledged, and come
 * and not read; nothing is ended. Both return 0, -EAGAIN, -EOPNOTSUPP, -ESHUTDOWN, -errno; say why.
 */
int handoff_tls_check(int fd, struct handoff_state *state, struct slot_reason *why);
int handoff_tls_records(int fd, int outstanding, int unread, struct slot_reason *why);

/*
 * handoff_tls_take - both keys, into @state, which handoff_tls_check() has seen; nothing where it
 * has no kTLS. Returns 0, -EOPNOTSUPP, -errno; says why.
 */
int handoff_tls_take(int fd, struct handoff_state *state, struct slot_reason *why);

/*
 * handoff_tls_put - make @fd, which is connected, one of kTLS; nothing where @state has none.
 * Returns 0, -EOPNOTSUPP, -errno; says why.
 */
int handoff_tls_put(int fd, const struct handoff_state *state, struct slot_reason *why);

#endif
