/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client that waits for an answer sends nothing, so nobody can tell it that its connection is
 * gone. It is asked to say something.
 */
#ifndef HANDOFF_PROBE_H
#define HANDOFF_PROBE_H

#include "programs/handoff/lib/handoff.h"
#include "programs/handoff/maps/handoff_rules.h"

struct handoff_probe {
	__u64 id;		      /* of the handoff */
	struct handoff_source source; /* the address that the client knows */
	struct sockaddr_storage here; /* an address of this host, of the same family; its port: 0 */
	/* Stripped, with the client's address, and numbers that the connection had, or any. */
	const struct handoff_state *state;
};

/*
 * handoff_probe_send - a segment without data goes to the client, as one that it has seen before.
 * Its answer goes where all goes that it sends: to a socket that has the connection and makes
 * nothing of it, or to a stack that has none and resets it. It leaves a port of its own, by a rule
 * that is there for as long, so that no socket here is in the way of the answer. Returns 0, -EPERM
 * without the right to freeze and without the agent, or -errno; handoff_error(@h) may say why.
 */
int handoff_probe_send(struct handoff *h, const struct handoff_rules *rules,
		       const struct handoff_probe *probe);

#endif
