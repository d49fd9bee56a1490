/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients of connections that were on their way when the process which moved them ended, and of
 * those that are taken for ended by what may have been sent by others.
 */
#ifndef HANDOFF_ASKING_H
#define HANDOFF_ASKING_H

#include "programs/handoff/lib/handoff.h"
#include "programs/handoff/maps/handoff_rules.h"

struct handoff_asking {
	struct handoff *lib;
	__u32 left; /* that may be asked before the next look */
};

/* handoff_asking_open - returns 0 or -ENOMEM. handoff_asking_close, also where it fails. */
int handoff_asking_open(struct handoff_asking *asking);
void handoff_asking_close(struct handoff_asking *asking);

/* handoff_asking_begin - a look begins: as many as at each may be asked again. */
void handoff_asking_begin(struct handoff_asking *asking);

/*
 * handoff_asking_send - the client of @rule is asked to say something: it hears a reset unless
 * somebody has the connection, and a rule whose client answers is in use (handoff_probe.h). To be
 * called at each look, once a second, for three of them: a packet may be lost. *told counts it.
 */
void handoff_asking_send(struct handoff_asking *asking, const struct handoff_rules *rules,
			 const struct handoff_key *key, const struct handoff_rule *rule,
			 struct handoff_told *told);

#endif
