/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All links end, and nobody misses what was said before: a socket that is closed with something
 * unread resets its other side, and what is on its way there is lost. Who has missed that a
 * connection is served would take it for lost when the next process of this name begins.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_own.h"

/* Who calls from now on is for the next process of this name. */
static void begin(struct handoff_host *host)
{
	struct handoff_link *link;

	host->is_closing = true;
	host->deaf_ms = 0;
	if (host->listener >= 0)
		close(host->listener);
	host->listener = -1;
	LIST_FOREACH(link, &host->links, all)
	link->is_over |= !link->is_up;
	handoff_clock_wake(host, slot_clock_ms());
}

bool handoff_farewell_say(struct handoff_host *host)
{
	struct handoff_link *link;
	bool is_any = false;

	if (!host->is_closing)
		begin(host);
	LIST_FOREACH(link, &host->links, all)
	{
		if (link->is_over)
			continue;
		is_any = true;
		if (link->is_said || handoff_wire_has_waiting(link->wire))
			continue;
		/* Until then, whatever else is said, its other side has to end it, too. */
		link->is_said = true;
		link->heard_ms = slot_clock_ms();
		shutdown(handoff_wire_fd(link->wire), SHUT_WR);
	}
	return is_any;
}
