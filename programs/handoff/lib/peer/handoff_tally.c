/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is counted of connections that move, by what is done about them. */
#include <errno.h>

#include "programs/handoff/lib/peer/handoff_own.h"

#define NOT_COUNTED HANDOFF_MOVES_COUNT

/* By what happened to it first: an undo has followed since. */
static enum handoff_move kept_by(enum handoff_event_kind cause)
{
	switch (cause) {
	case HANDOFF_ON_GIVE:
		return HANDOFF_MOVES_KEPT_STEP;
	case HANDOFF_ON_ACK:
		return HANDOFF_MOVES_KEPT_CHANGED;
	case HANDOFF_ON_TIMEOUT:
		return HANDOFF_MOVES_KEPT_SILENT;
	case HANDOFF_ON_LINK_LOST:
	case HANDOFF_ON_PEER_NEW:
		return HANDOFF_MOVES_KEPT_LINK;
	default:
		return HANDOFF_MOVES_KEPT_REFUSED;
	}
}

static enum handoff_move move_of(enum handoff_action_kind kind, bool is_home,
				 enum handoff_event_kind cause)
{
	switch (kind) {
	case HANDOFF_DO_BLOCK:
		return HANDOFF_MOVES_BEGUN;
	case HANDOFF_TELL_GIVEN:
		return HANDOFF_MOVES_GIVEN;
	case HANDOFF_TELL_KEPT:
		return kept_by(cause);
	case HANDOFF_TELL_TAKEN:
		return is_home ? HANDOFF_MOVES_BACK : HANDOFF_MOVES_TAKEN;
	case HANDOFF_SAY_REFUSE:
		return HANDOFF_MOVES_REFUSED;
	case HANDOFF_TELL_LOST:
		return HANDOFF_MOVES_LOST;
	case HANDOFF_DO_RESET:
	case HANDOFF_DO_ABORT:
		return HANDOFF_MOVES_RESET;
	case HANDOFF_DO_PROBE:
		return HANDOFF_MOVES_ASKED;
	default:
		return NOT_COUNTED;
	}
}

void handoff_tally_actions(const struct handoff_host *host, const struct handoff_conn *conn,
			   enum handoff_event_kind cause, const struct handoff_actions *actions)
{
	for (size_t i = 0; i < actions->count; i++) {
		enum handoff_move move =
			move_of(actions->list[i].kind, conn->machine.is_home, cause);

		if (move != NOT_COUNTED)
			handoff_moves_add(&host->moves, move);
	}
}

int handoff_tally_not_begun(const struct handoff_host *host, int err)
{
	handoff_moves_add(&host->moves, err == -EAGAIN	 ? HANDOFF_MOVES_NOT_NOW :
					err == -ENOTCONN ? HANDOFF_MOVES_NOT_LINKED :
							   HANDOFF_MOVES_NOT_MOVED);
	return err;
}
