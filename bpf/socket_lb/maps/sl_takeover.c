/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/maps/sl_takeover.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/maps/sl_sockets.h"
#include "bpf/socket_lb/maps/sl_spread.h"
#include "bpf/socket_lb/maps/sl_vip.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"

/* A process that cannot be seen from here and has no socket after this time is taken for gone. */
#define HIDDEN_FILLING_S 60

/* --- taking ---------------------------------------------------------------------------------- */

static __u64 now_s(void)
{
	struct timespec now = {};

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (__u64)now.tv_sec;
}

/*
 * is_gone - nobody will miss it: it served and has no socket left; or it was never announced, and
 * who would have done so is dead, though another process may still hold its sockets.
 */
static bool is_gone(const struct sl_instance *instance, size_t sockets)
{
	struct sl_process process = { instance->pid, instance->pid_start, instance->pid_ns };

	if (instance->state == SL_FREE)
		return true;
	if (instance->state == SL_SERVING && (!sockets || instance->was_announced))
		return !sockets;
	switch (sl_process_life(&process)) {
	case SL_DEAD:
		return true;
	case SL_HIDDEN:
		return !sockets && now_s() - instance->taken_s > HIDDEN_FILLING_S;
	default:
		return false;
	}
}

/* What the two instances of a VIP are like. */
struct pair {
	struct sl_instance instance[SL_INSTANCES];
	size_t sockets[SL_INSTANCES];
	int active;
};

static int read_pair(const struct sl_maps *maps, __u32 vip, struct slot_reason *why,
		     struct pair *pair)
{
	int err = sl_active_get(maps, vip, why, &pair->active);

	for (__u32 i = 0; !err && i < SL_INSTANCES; i++) {
		err = sl_instance_get(maps, vip, i, why, &pair->instance[i]);
		err = err ? err : sl_sockets_count(maps, vip, i, why, &pair->sockets[i]);
	}
	return err;
}

static bool can_serve(const struct pair *pair, int instance)
{
	return pair->instance[instance].state == SL_SERVING && pair->sockets[instance];
}

/*
 * settle - where the active instance has died and the other one serves in its stead, it is the
 * active one from here on: only so the place of the dead one can be taken.
 */
static int settle(const struct sl_maps *maps, __u32 vip, struct pair *pair, struct slot_reason *why)
{
	int other = !pair->active;

	if (pair->active < 0 || can_serve(pair, pair->active) || !can_serve(pair, other))
		return 0;
	pair->active = other;
	return sl_active_write(maps, vip, other, why);
}

static int refuse_take(const struct sl_vip_key *key, const struct pair *pair, int instance,
		       struct slot_reason *why)
{
	const struct sl_instance *busy = &pair->instance[instance];
	char text[SL_VIP_TEXT_MAX];

	sl_vip_format(key, text);
	return slot_reason_set(
		why, -EBUSY, "VIP '%s' has no instance free: %d %s, by process %u with %zu sockets",
		text, instance, busy->state == SL_FILLING ? "is being started" : "still drains",
		busy->pid, pair->sockets[instance]);
}

int sl_instance_take(const struct sl_maps *maps, const struct sl_vip_key *key,
		     const struct sl_process *process, struct slot_reason *why,
		     struct sl_place *ret_place)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct sl_instance taken;
	struct sl_vip vip = {};
	struct pair pair = {};
	int instance, err;

	err = sl_lock(maps, why, &locked);
	err = err ? err : sl_vip_get(maps, key, why, &vip);
	err = err ? err : read_pair(maps, vip.index, why, &pair);
	err = err ? err : settle(maps, vip.index, &pair, why);
	if (err)
		return err;
	instance = pair.active == 0;
	if (pair.active < 0 && !is_gone(&pair.instance[instance], pair.sockets[instance]))
		instance = !instance;
	if (!is_gone(&pair.instance[instance], pair.sockets[instance]))
		return refuse_take(key, &pair, instance, why);
	err = sl_instance_clear(maps, vip.index, (__u32)instance, why);
	err = err ? err : sl_instance_get(maps, vip.index, (__u32)instance, why, &taken);
	if (err)
		return err;
	taken.state = SL_FILLING;
	taken.pid = process->pid;
	taken.pid_start = process->pid_start;
	taken.pid_ns = process->pid_ns;
	taken.taken_s = now_s();
	err = sl_instance_write(maps, vip.index, (__u32)instance, &taken, why);
	if (!err)
		*ret_place = (struct sl_place){ vip.index, (__u32)instance, taken.generation };
	return err;
}

/* --- filling and serving --------------------------------------------------------------------- */

int sl_socket_add(const struct sl_maps *maps, const struct sl_place *place, int fd,
		  struct slot_reason *why, __u32 *ret_position)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct sl_instance instance;
	int err = sl_lock(maps, why, &locked);

	err = err ? err : sl_instance_own(maps, place, why, &instance);
	return err ? err : sl_sockets_put(maps, place->vip, place->instance, fd, why, ret_position);
}

int sl_instance_serve(const struct sl_maps *maps, const struct sl_place *place,
		      const struct sl_share *share, struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct sl_instance instance;
	struct sl_cpus cpus;
	int err = sl_lock(maps, why, &locked);

	err = err ? err : sl_instance_own(maps, place, why, &instance);
	if (err)
		return err;
	sl_cpus_get(&cpus);
	instance.policy = share->policy;
	instance.sockets = share->sockets;
	for (__u32 i = 0; i < SL_SOCKETS_MAX; i++)
		instance.weights[i] = share->weights && i < share->sockets ? share->weights[i] :
									     i < share->sockets;
	err = sl_spread(&instance, &cpus, why);
	if (err)
		return err;
	sl_spread_workers(&instance, share->workers);
	/* The tables before the state: an update is no atom to the program. */
	err = sl_instance_write(maps, place->vip, place->instance, &instance, why);
	if (err || instance.state == SL_SERVING)
		return err;
	instance.state = SL_SERVING;
	return sl_instance_write(maps, place->vip, place->instance, &instance, why);
}

int sl_instance_share(const struct sl_maps *maps, __u32 vip, __u32 number, __u8 policy,
		      const __u8 *weights, struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct sl_instance instance;
	struct sl_cpus cpus;
	int err = sl_lock(maps, why, &locked);

	err = err ? err : sl_instance_get(maps, vip, number, why, &instance);
	if (err)
		return err;
	if (instance.state == SL_FREE)
		return slot_reason_set(why, -ENOENT, "instance %u is free", number);
	sl_cpus_get(&cpus);
	instance.policy = policy;
	if (weights)
		memcpy(instance.weights, weights, sizeof(instance.weights));
	err = sl_spread(&instance, &cpus, why);
	return err ? err : sl_instance_write(maps, vip, number, &instance, why);
}

/* check_serving - that the instance can take what is new. */
static int check_serving(const struct sl_maps *maps, __u32 vip, __u32 number,
			 const struct sl_instance *instance, struct slot_reason *why)
{
	size_t sockets = 0;
	int err = sl_sockets_count(maps, vip, number, why, &sockets);

	if (err)
		return err;
	if (instance->state != SL_SERVING || !sockets)
		return slot_reason_set(
			why, -EINVAL,
			"instance %u cannot take traffic: it is %s and has %zu sockets", number,
			sl_state_name(instance->state), sockets);
	return 0;
}

int sl_announce(const struct sl_maps *maps, const struct sl_place *place, struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct sl_instance instance;
	int err = sl_lock(maps, why, &locked);

	err = err ? err : sl_instance_own(maps, place, why, &instance);
	err = err ? err : check_serving(maps, place->vip, place->instance, &instance, why);
	return err ? err : sl_active_write(maps, place->vip, (int)place->instance, why);
}

int sl_announce_first(const struct sl_maps *maps, const struct sl_place *place,
		      struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct sl_instance instance;
	struct pair pair = {};
	int err = sl_lock(maps, why, &locked);

	err = err ? err : sl_instance_own(maps, place, why, &instance);
	err = err ? err : check_serving(maps, place->vip, place->instance, &instance, why);
	err = err ? err : read_pair(maps, place->vip, why, &pair);
	if (err || (pair.active >= 0 && can_serve(&pair, pair.active)))
		return err;
	return sl_active_write(maps, place->vip, (int)place->instance, why);
}

int sl_announce_again(const struct sl_maps *maps, const struct sl_place *place,
		      struct slot_reason *why, bool *ret_is_active)
{
	_cleanup_(sl_unlock) int locked = -1;
	int own = (int)place->instance;
	struct pair pair = {};
	int err = sl_lock(maps, why, &locked);

	err = err ? err : read_pair(maps, place->vip, why, &pair);
	if (err)
		return err;
	*ret_is_active = false;
	if (pair.instance[own].generation != place->generation)
		return 0;
	err = settle(maps, place->vip, &pair, why);
	*ret_is_active = pair.active == own;
	return err;
}

int sl_active_set(const struct sl_maps *maps, __u32 vip, int number, struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct sl_instance instance;
	int err = sl_lock(maps, why, &locked);

	if (!err && number >= 0) {
		err = sl_instance_get(maps, vip, (__u32)number, why, &instance);
		err = err ? err : check_serving(maps, vip, (__u32)number, &instance, why);
	}
	return err ? err : sl_active_write(maps, vip, number, why);
}

/* --- leaving --------------------------------------------------------------------------------- */

int sl_instance_leave(const struct sl_maps *maps, const struct sl_place *place,
		      struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct pair pair = {};
	int other = !place->instance;
	int err = sl_lock(maps, why, &locked);

	err = err ? err : read_pair(maps, place->vip, why, &pair);
	if (err || pair.instance[place->instance].generation != place->generation ||
	    pair.instance[place->instance].state == SL_FREE)
		return err;
	if (pair.active == (int)place->instance)
		err = sl_active_write(maps, place->vip, can_serve(&pair, other) ? other : -1, why);
	return err ? err : sl_instance_clear(maps, place->vip, place->instance, why);
}

int sl_sockets_take_out(const struct sl_maps *maps, const struct sl_place *place,
			const __u64 *cookies, __u32 count, struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	int err = sl_lock(maps, why, &locked);

	if (err)
		return err;
	for (__u32 i = 0; !err && i < count; i++) {
		__u32 index = SL_SOCKET_INDEX(place->vip, place->instance, i);
		__u64 there;

		if (!bpf_map_lookup_elem(maps->sockets, &index, &there) && there == cookies[i])
			err = bpf_map_delete_elem(maps->sockets, &index);
		err = err == -ENOENT ? 0 : err;
	}
	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", SL_SOCKETS_NAME,
				     strerror(-err)) :
		     0;
}
