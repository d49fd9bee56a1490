/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients of connections that were on their way when the process which moved them ended, and of
 * those that are taken for ended by what may have been sent by others. A thread of its own asks
 * them, as it may have to wait for slotctl handoff repair.
 */
#ifndef HANDOFF_ASKING_H
#define HANDOFF_ASKING_H

#include "loader/lib/offload/queue.h"
#include "programs/handoff/lib/handoff.h"
#include "programs/handoff/maps/handoff_rules.h"

#define HANDOFF_ASKING_MAX 1000 /* that wait for their turn at one time */

struct handoff_asking {
	const struct handoff_rules *rules;
	struct handoff *lib; /* the thread's */
	struct slot_queue *queue;
	__u64 dropped; /* questions that there was no memory or no room for */
};

/*
 * handoff_asking_open - with @rules, which stay the caller's, and all else 0. Returns 0 or -errno.
 * handoff_asking_close, also where it fails: it waits for the client whose turn it is, some
 * seconds where the service is silent, and for no other.
 */
int handoff_asking_open(struct handoff_asking *asking);
void handoff_asking_close(struct handoff_asking *asking);

/* handoff_asking_room - how many more may wait. */
size_t handoff_asking_room(const struct handoff_asking *asking);

/*
 * handoff_asking_send - have the client of @rule asked to say something: it hears a reset unless
 * somebody has the connection, and a rule whose client answers is in use (handoff_probe.h).
 */
void handoff_asking_send(struct handoff_asking *asking, const struct handoff_key *key,
			 const struct handoff_rule *rule);

/* handoff_asking_tell - how many were asked so far, and how many could not be. */
void handoff_asking_tell(const struct handoff_asking *asking, struct handoff_told *told);

#endif
