/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/agent/handoff_turns.h"

#include <string.h>

void handoff_turns_begin(struct handoff_turns *turns, size_t room, __u64 now_ns)
{
	if (turns->is_late) {
		turns->done += turns->taken;
	} else {
		memmove(turns->begun_ns + 1, turns->begun_ns,
			HANDOFF_TURNS_ROUNDS * sizeof(*turns->begun_ns));
		turns->begun_ns[0] = now_ns;
		turns->done = 0;
	}
	turns->room = room;
	turns->seen = turns->taken = 0;
	turns->is_late = false;
}

__u64 handoff_turns_since(const struct handoff_turns *turns)
{
	return turns->begun_ns[HANDOFF_TURNS_ROUNDS];
}

bool handoff_turns_take(struct handoff_turns *turns)
{
	if (turns->seen++ < turns->done)
		return false;
	turns->is_late = turns->taken == turns->room;
	turns->taken += !turns->is_late;
	return !turns->is_late;
}
