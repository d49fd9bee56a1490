/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/maps/handoff_sweep.h"

#include <stdbool.h>

#define FINS (HANDOFF_CLIENT_FIN | HANDOFF_LOCAL_FIN)

static __u64 later(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/* How long, where clocks of packets may be ahead of the one that was read before. */
static __u64 time_since(__u64 then_ns, __u64 now_ns)
{
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

/* After the deadline packets pass, with the rule and without: but what goes out is rewritten. */
static bool is_expired(const struct handoff_sweep *sweep, const struct handoff_rule *rule,
		       __u64 quiet_ns, __u64 now_ns)
{
	return time_since(rule->deadline_ns, now_ns) >= sweep->linger_ns &&
	       (rule->egress == HANDOFF_NONE || quiet_ns >= sweep->linger_ns);
}

enum handoff_over handoff_sweep_judge(const struct handoff_sweep *sweep,
				      const struct handoff_rule *rule, __u64 device_ns,
				      __u64 now_ns)
{
	__u64 last_ns = later(later(rule->use.last_ns, rule->since_ns), device_ns);
	__u64 quiet_ns = time_since(last_ns, now_ns);
	__u32 seen = rule->use.seen;

	if (rule->ingress == HANDOFF_BLOCK && rule->deadline_ns) {
		if (now_ns <= rule->deadline_ns)
			return HANDOFF_NOT_OVER;
		if (is_expired(sweep, rule, quiet_ns, now_ns))
			return HANDOFF_EXPIRED;
	}
	if ((seen & (HANDOFF_LOCAL_RST | HANDOFF_REUSED) || (seen & FINS) == FINS) &&
	    quiet_ns >= sweep->linger_ns)
		return HANDOFF_ENDED;
	/* Anybody can send a client's RST. */
	if (seen & (FINS | HANDOFF_CLIENT_RST) && quiet_ns >= sweep->half_ns)
		return HANDOFF_HALF;
	return quiet_ns >= sweep->idle_ns ? HANDOFF_IDLE : HANDOFF_NOT_OVER;
}
