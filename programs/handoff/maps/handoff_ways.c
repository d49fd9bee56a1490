/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/maps/handoff_ways.h"

#include <string.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/maps/handoff_address.h"

/* Returns which one is to @target, whether it is over or not, or else which is over first. */
static size_t choose(const struct handoff_ways *ways, const struct handoff_target *target)
{
	size_t first = 0;

	for (size_t i = 0; i < HANDOFF_WAYS; i++) {
		if (!memcmp(ways->known[i].target.address, target->address,
			    sizeof(target->address)))
			return i;
		if (ways->known[i].until_ms < ways->known[first].until_ms)
			first = i;
	}
	return first;
}

int handoff_ways_find(struct handoff_ways *ways, const struct sockaddr *address,
		      struct slot_reason *why, struct handoff_target *ret_target)
{
	struct handoff_target target = {};
	int64_t now_ms = slot_clock_ms();
	__be16 port = 0;
	size_t at;
	int err = handoff_address_set(address, target.address, &port);

	if (err)
		return slot_reason_set(why, err, "the target has no address of IP");
	at = choose(ways, &target);
	if (now_ms >= ways->known[at].until_ms ||
	    memcmp(ways->known[at].target.address, target.address, sizeof(target.address)) != 0) {
		err = handoff_target_find(address, why, &target);
		if (err)
			return err;
		ways->known[at].target = target;
		ways->known[at].until_ms = now_ms + HANDOFF_WAY_MS;
	}
	*ret_target = ways->known[at].target;
	ret_target->port = port;
	return 0;
}
