/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an instance lives through: taken, filled, serving, announced, left. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/sl_lock.h"
#include "bpf/socket_lb/sl_pins.h"
#include "bpf/socket_lb/sl_spread.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"

/* A process that cannot be seen from here and has no socket after this time is taken for gone. */
#define HIDDEN_FILLING_S 60

/*
 * A lock belongs to what open() made, which processes share after fork(): so each lock has one of
 * its own. Who gave up the right to open the folder since it opened the maps has but that one.
 */
static int open_lock(const struct sl_maps *maps)
{
	int fd = openat(maps->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		fd = fcntl(maps->dir, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int sl_lock(const struct sl_maps *maps, struct slot_reason *why, int *ret_locked)
{
	int fd = open_lock(maps);
	int err = fd < 0 ? fd : program_maps_wait(fd, LOCK_EX);

	if (!err) {
		*ret_locked = fd;
		return 0;
	}
	slot_cleanup_close(&fd);
	return slot_reason_set(why, err, "cannot lock the map folder: %s; nothing was changed",
			       err == -EBUSY ? "another process has held its lock for 10 s" :
					       strerror(-err));
}

void sl_unlock(int *locked)
{
	if (*locked >= 0)
		flock(*locked, LOCK_UN);
	slot_cleanup_close(locked);
}

static int read_active(const struct sl_maps *maps, __u32 vip, struct slot_reason *why,
		       struct sl_active *ret_active)
{
	int err = bpf_map_lookup_elem(maps->active, &vip, ret_active);

	return err ? slot_reason_set(why, err, "cannot read map '%s': %s", SL_ACTIVE_NAME,
				     strerror(-err)) :
		     0;
}

int sl_instance_get(const struct sl_maps *maps, __u32 vip, __u32 instance, struct slot_reason *why,
		    struct sl_instance *ret_instance)
{
	__u32 index = SL_INSTANCE_INDEX(vip, instance);
	int err = bpf_map_lookup_elem(maps->instances, &index, ret_instance);

	return err ? slot_reason_set(why, err, "cannot read map '%s': %s", SL_INSTANCES_NAME,
				     strerror(-err)) :
		     0;
}

static int write_instance(const struct sl_maps *maps, __u32 vip, __u32 instance,
			  const struct sl_instance *value, struct slot_reason *why)
{
	__u32 index = SL_INSTANCE_INDEX(vip, instance);
	int err = bpf_map_update_elem(maps->instances, &index, value, BPF_ANY);

	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", SL_INSTANCES_NAME,
				     strerror(-err)) :
		     0;
}

static int mark_announced(const struct sl_maps *maps, __u32 vip, __u32 number,
			  struct slot_reason *why)
{
	struct sl_instance instance;
	int err = sl_instance_get(maps, vip, number, why, &instance);

	if (err || instance.was_announced)
		return err;
	instance.was_announced = true;
	return write_instance(maps, vip, number, &instance, why);
}

/*
 * write_active - @instance, or -1 for none. The one update that a takeover is. The mark comes
 * after it: a process that dies in between leaves no place behind that is never free again.
 */
static int write_active(const struct sl_maps *maps, __u32 vip, int instance,
			struct slot_reason *why)
{
	struct sl_active active;
	int err = read_active(maps, vip, why, &active);

	if (err)
		return err;
	active.active = instance < 0 ? SL_ACTIVE_NONE : (__u8)SL_ACTIVE_OF(instance);
	active.changes++;
	err = bpf_map_update_elem(maps->active, &vip, &active, BPF_ANY);
	if (err)
		return slot_reason_set(why, err, "cannot write map '%s': %s", SL_ACTIVE_NAME,
				       strerror(-err));
	return instance < 0 ? 0 : mark_announced(maps, vip, (__u32)instance, why);
}

int sl_active_get(const struct sl_maps *maps, __u32 vip, struct slot_reason *why, int *ret_instance)
{
	struct sl_active active;
	int err = read_active(maps, vip, why, &active);

	if (err)
		return err;
	*ret_instance = active.active == SL_ACTIVE_NONE ? -1 :
							  (active.active - SL_ACTIVE_OF(0)) & 1;
	return 0;
}

int sl_instance_clear(const struct sl_maps *maps, __u32 vip, __u32 instance,
		      struct slot_reason *why)
{
	struct sl_instance old, empty = { .state = SL_FREE };
	int err = sl_instance_get(maps, vip, instance, why, &old);

	if (err)
		return err;
	empty.generation = old.generation + 1;
	/* Never 0, which means any to the program. */
	empty.generation += !empty.generation;
	err = write_instance(maps, vip, instance, &empty, why);
	return err ? err : sl_sockets_remove(maps, vip, instance, why);
}

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
		err = err ? err : sl_instance_sockets(maps, vip, i, why, &pair->sockets[i]);
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
	return write_active(maps, vip, other, why);
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
	err = write_instance(maps, vip.index, (__u32)instance, &taken, why);
	if (!err)
		*ret_place = (struct sl_place){ vip.index, (__u32)instance, taken.generation };
	return err;
}

/* --- filling and serving --------------------------------------------------------------------- */

int sl_instance_own(const struct sl_maps *maps, const struct sl_place *place,
		    struct slot_reason *why, struct sl_instance *ret_instance)
{
	int err = sl_instance_get(maps, place->vip, place->instance, why, ret_instance);

	if (err)
		return err;
	if (ret_instance->state == SL_FREE || ret_instance->generation != place->generation)
		return slot_reason_set(why, -ESTALE, "instance %u is no longer this process's",
				       place->instance);
	return 0;
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
	err = write_instance(maps, place->vip, place->instance, &instance, why);
	if (err || instance.state == SL_SERVING)
		return err;
	instance.state = SL_SERVING;
	return write_instance(maps, place->vip, place->instance, &instance, why);
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
	return err ? err : write_instance(maps, vip, number, &instance, why);
}

/* check_serving - that the instance can take what is new. */
static int check_serving(const struct sl_maps *maps, __u32 vip, __u32 number,
			 const struct sl_instance *instance, struct slot_reason *why)
{
	size_t sockets = 0;
	int err = sl_instance_sockets(maps, vip, number, why, &sockets);

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
	return err ? err : write_active(maps, place->vip, (int)place->instance, why);
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
	return err ? err : write_active(maps, vip, number, why);
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
		err = write_active(maps, place->vip, can_serve(&pair, other) ? other : -1, why);
	return err ? err : sl_instance_clear(maps, place->vip, place->instance, why);
}
