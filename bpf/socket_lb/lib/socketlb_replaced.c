/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a newer instance has taken over. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#include "bpf/socket_lb/lib/socketlb_handle.h"
#include "bpf/socket_lb/maps/sl_process.h"
#include "bpf/socket_lb/maps/sl_sockets.h"
#include "loader/lib/base/clock.h"

#define WAIT_MS 50 /* between two looks */

enum standing {
	STANDING_OURS,
	STANDING_SHARED, /* ours, and the other instance serves: not yet, or no longer announced */
	STANDING_THEIRS,
};

/* How a VIP stands, and whose its other instance is; where ours was lost, who has that. */
struct look {
	enum standing standing;
	struct sl_process other;
};

static struct sl_process owner_of(const struct sl_instance *instance)
{
	return (struct sl_process){ instance->pid, instance->pid_start, instance->pid_ns };
}

/*
 * Who died after its takeover left its VIP with nobody: it is taken back. One that has left for new
 * maps looks the same in the old ones.
 */
static int look_at_place(struct socketlb *lb, const struct served *served, struct look *ret_look)
{
	const struct sl_place *place = &served->place;
	struct sl_instance own, other;
	bool is_active = true;
	size_t sockets = 0;
	int active = -1;
	int err = sl_instance_get(&lb->maps, place->vip, place->instance, &lb->why, &own);

	err = err ? err : sl_active_get(&lb->maps, place->vip, &lb->why, &active);
	if (err)
		return err;
	*ret_look = (struct look){ STANDING_THEIRS, owner_of(&own) };
	if (own.generation != place->generation)
		return 0;
	err = sl_instance_get(&lb->maps, place->vip, !place->instance, &lb->why, &other);
	if (!err && other.state == SL_SERVING)
		err = sl_sockets_count(&lb->maps, place->vip, !place->instance, &lb->why, &sockets);
	if (err)
		return err;
	ret_look->other = owner_of(&other);
	if (active == (int)!place->instance && sockets)
		return 0;
	if (active == (int)!place->instance)
		err = socketlb_handle_look(lb) ?
			      socketlb_handle_check(lb) :
			      sl_announce_again(&lb->maps, place, &lb->why, &is_active);
	if (!err && is_active)
		ret_look->standing = sockets ? STANDING_SHARED : STANDING_OURS;
	return err;
}

/*
 * is_held - whether the one that has VIPs of ours is about to take @look's as well. An elder that
 * still drains there, another process, is no reason to wait.
 */
static bool is_held(const struct look *look, const struct look *looks, size_t count)
{
	if (look->standing != STANDING_SHARED)
		return false;
	for (size_t i = 0; i < count; i++)
		if (looks[i].standing == STANDING_THEIRS && looks[i].other.pid == look->other.pid &&
		    looks[i].other.pid_start == look->other.pid_start &&
		    looks[i].other.pid_ns == look->other.pid_ns)
			return true;
	return false;
}

int socketlb_is_replaced(struct socketlb *lb)
{
	struct look looks[SL_VIPS_MAX];
	size_t count = 0;
	int is_replaced = 0;
	int stale = socketlb_handle_check(lb);

	if (stale)
		return stale;
	for (size_t i = 0; i < lb->served_count; i++) {
		int err = 0;

		if (!lb->served[i].is_announced)
			continue;
		err = look_at_place(lb, &lb->served[i], &looks[count]);
		if (err)
			return err;
		is_replaced |= looks[count++].standing == STANDING_THEIRS;
	}
	for (size_t i = 0; is_replaced && i < count; i++)
		is_replaced = !is_held(&looks[i], looks, count);
	return is_replaced;
}

int socketlb_wait(struct socketlb *lb, int timeout_ms)
{
	int64_t end_ms = slot_clock_ms() + timeout_ms;

	for (;;) {
		int is_replaced = socketlb_is_replaced(lb);
		int64_t left_ms = timeout_ms < 0 ? WAIT_MS : end_ms - slot_clock_ms();

		if (is_replaced || left_ms <= 0)
			return is_replaced;
		poll(NULL, 0, left_ms < WAIT_MS ? (int)left_ms : WAIT_MS);
	}
}
