/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections whose answers handoff_out does not see, for who looks at the host as a whole. */
#include <errno.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/maps/handoff_rules.h"

#define HEARD_MIN 3 /* packets, of which the host's stack has answered one */
#define RECENT_NS 60000000000ULL

bool handoff_rule_is_mute(const struct handoff_rule *rule)
{
	return rule->ingress == HANDOFF_PASS && rule->egress == HANDOFF_REWRITE &&
	       rule->use.in_packets >= HEARD_MIN && !rule->use.out_packets;
}

/* Rules of before it was mended stay for some time. */
static int count_mute(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	__u32 *count = data;

	(void)key;
	*count += handoff_rule_is_mute(rule) && slot_clock_ns() - rule->use.last_ns < RECENT_NS;
	return 0;
}

int handoff_cli_claim(const struct program_claims *claims, struct slot_reason *why)
{
	_cleanup_(handoff_rules_close) struct handoff_rules rules = HANDOFF_RULES_CLOSED;
	struct program_claim claim = { .kind = PROGRAM_CLAIM_MUTE };
	int err = handoff_rules_open(claims->map_dir, false, why, &rules);

	if (err)
		return err;
	err = handoff_rules_each(&rules, count_mute, &claim.connections);
	if (err)
		return slot_reason_set(why, err, "cannot read map '%s': %s", HANDOFF_RULES_NAME,
				       strerror(-err));
	return claim.connections ? claims->add(claims, &claim) : 0;
}
