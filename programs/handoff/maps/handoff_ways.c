/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/maps/handoff_ways.h"

#include <errno.h>
#include <string.h>

#include <sys/socket.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "programs/handoff/maps/handoff_address.h"

#define DISCARD 9  /* RFC 863 */
#define RETRY_MS 1 /* so that many connections that wait for one host ask as one */

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

/* Without rights only what is sent makes the kernel ask a neighbour. */
static void wake_next_hop(const struct handoff_target *target)
{
	struct sockaddr_storage to;
	_cleanup_close_ int fd = -1;

	handoff_address_get(target->address, htons(DISCARD), &to);
	fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)!sendto(fd, "", 0, MSG_NOSIGNAL, (struct sockaddr *)&to,
		      to.ss_family == AF_INET ? sizeof(struct sockaddr_in) :
						sizeof(struct sockaddr_in6));
}

/* @way is to @target, and not over. */
static bool is_to(const struct handoff_way *way, const struct handoff_target *target,
		  int64_t now_ms)
{
	return now_ms < way->until_ms &&
	       !memcmp(way->target.address, target->address, sizeof(target->address));
}

static int miss(struct handoff_way *way, const struct handoff_target *target, int64_t now_ms)
{
	if (!is_to(way, target, now_ms)) {
		wake_next_hop(target);
		*way = (struct handoff_way){ .target = *target,
					     .until_ms = now_ms + HANDOFF_WAY_MS };
	}
	way->is_found = false;
	way->retry_ms = now_ms + RETRY_MS;
	return -EAGAIN;
}

int handoff_ways_find(struct handoff_ways *ways, const struct sockaddr *address,
		      struct slot_reason *why, struct handoff_target *ret_target)
{
	struct handoff_target target = {};
	int64_t now_ms = slot_clock_ms();
	struct handoff_way *way;
	__be16 port = 0;
	int err = handoff_address_set(address, target.address, &port);

	if (err)
		return slot_reason_set(why, err, "the target has no address of IP");
	way = &ways->known[choose(ways, &target)];
	if (is_to(way, &target, now_ms) && !way->is_found && now_ms < way->retry_ms)
		return slot_reason_set(why, -EAGAIN,
				       "the next hop to the target was just asked for");
	if (!is_to(way, &target, now_ms) || !way->is_found) {
		err = handoff_target_find(address, why, &target);
		if (err)
			return err == -EAGAIN ? miss(way, &target, now_ms) : err;
		*way = (struct handoff_way){ target, now_ms + HANDOFF_WAY_MS, 0, true };
	}
	*ret_target = way->target;
	ret_target->port = port;
	return 0;
}
