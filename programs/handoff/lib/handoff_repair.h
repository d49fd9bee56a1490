/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection's numbers and queues, in and out of a socket that is in repair; none of this
 * wants a right. All return 0 or -errno and say why.
 */
#ifndef HANDOFF_REPAIR_H
#define HANDOFF_REPAIR_H

#include <linux/tcp.h>

#include "loader/lib/base/reason.h"
#include "programs/handoff/lib/handoff_state.h"

/* What was sent so far. */
struct handoff_sent {
	uint64_t bytes; /* anything twice counts twice */
	uint64_t again; /* of those */
	uint32_t unsent;
};

/* handoff_repair_sent - as @info has it. Pure. */
struct handoff_sent handoff_repair_sent(const struct tcp_info *info);

/*
 * handoff_repair_take - sequence numbers, windows, options and, but for kTLS, both queues into
 * @state, whose has_tls is known; @before: as it was when not in repair yet. -EAGAIN where that
 * changes meanwhile, or where kTLS is amid a record; -EFBIG.
 */
int handoff_repair_take(int fd, const struct handoff_sent *before, struct handoff_state *state,
			struct slot_reason *why);

/* handoff_repair_begin - the numbers of @state, before @fd is connected. */
int handoff_repair_begin(int fd, const struct handoff_state *state, struct slot_reason *why);

/*
 * handoff_repair_fill - all else, after that. The last byte that was sent is left out where it
 * can go out at once: with what was not sent it is to be sent when @fd is thawed.
 */
int handoff_repair_fill(int fd, const struct handoff_state *state, struct slot_reason *why);

/*
 * handoff_repair_filled - how many bytes of @state handoff_repair_fill() has put into the send
 * queue of @fd, however many of them are acknowledged by now.
 */
int handoff_repair_filled(int fd, const struct handoff_state *state, uint32_t *ret_bytes);

/* handoff_repair_complete - what was left out of @filled goes in where it cannot go out at once. */
int handoff_repair_complete(int fd, const struct handoff_state *state, uint32_t *filled,
			    struct slot_reason *why);

#endif
