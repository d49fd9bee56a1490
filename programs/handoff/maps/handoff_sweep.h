/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which rules nobody needs any more. Pure. */
#ifndef HANDOFF_SWEEP_H
#define HANDOFF_SWEEP_H

#include "programs/handoff/handoff_abi.h"

/* How long nothing may have come or gone before a rule is over, ns. */
struct handoff_sweep {
	__u64 linger_ns; /* after FIN of both sides or this host's RST; after a block's deadline */
	__u64 half_ns;	 /* after one side's FIN, as at home the other's is not seen, or RST */
	__u64 idle_ns;
};

enum handoff_over {
	HANDOFF_NOT_OVER,
	HANDOFF_ENDED,
	HANDOFF_HALF,
	HANDOFF_IDLE,
	HANDOFF_EXPIRED,
	HANDOFF_OVER_COUNT,
};

/*
 * handoff_sweep_judge - whether @rule is over at @now_ns, and why. @device_ns: when a device
 * last sent a packet on for it; 0: none does. All times CLOCK_MONOTONIC.
 */
enum handoff_over handoff_sweep_judge(const struct handoff_sweep *sweep,
				      const struct handoff_rule *rule, __u64 device_ns,
				      __u64 now_ns);

#endif
