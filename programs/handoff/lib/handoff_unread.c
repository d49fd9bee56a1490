/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes that were read go back in front of the queue of those that were not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "programs/handoff/lib/handoff_state.h"

/* Of a receive buffer for each byte that is queued: what holds a byte is larger than that. */
#define ROOM_PER_BYTE 4

int handoff_state_unread(struct handoff_state *state, const void *bytes, size_t size)
{
	struct handoff_queue all = {};

	if (state->has_tls)
		return -EOPNOTSUPP;
	if (size > HANDOFF_QUEUE_MAX - state->recv.len)
		return -EFBIG;
	if (!size)
		return 0;
	all.len = state->recv.len + (uint32_t)size;
	all.bytes = malloc(all.len);
	if (!all.bytes)
		return -ENOMEM;
	memcpy(all.bytes, bytes, size);
	if (state->recv.len)
		memcpy(all.bytes + size, state->recv.bytes, state->recv.len);
	handoff_queue_free(&state->recv);
	state->recv = all;
	if (state->recv_room < ROOM_PER_BYTE * all.len)
		state->recv_room = ROOM_PER_BYTE * all.len;
	return 0;
}
