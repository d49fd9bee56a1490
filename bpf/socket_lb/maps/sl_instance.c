/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/maps/sl_instance.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/maps/sl_sockets.h"

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

int sl_instance_write(const struct sl_maps *maps, __u32 vip, __u32 instance,
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
	return sl_instance_write(maps, vip, number, &instance, why);
}

/* The mark comes last: who dies before it leaves no place behind that is never free again. */
int sl_active_write(const struct sl_maps *maps, __u32 vip, int instance, struct slot_reason *why)
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
	err = sl_instance_write(maps, vip, instance, &empty, why);
	return err ? err : sl_sockets_remove(maps, vip, instance, why);
}

int sl_instance_own(const struct sl_maps *maps, const struct sl_place *place,
		    struct slot_reason *why, struct sl_instance *ret_instance)
{
	int err = sl_instance_get(maps, place->vip, place->instance, why, ret_instance);

	if (err)
		return err;
	if (ret_instance->state == SL_FREE || ret_instance->generation != place->generation)
		return slot_reason_set(why, -EOWNERDEAD, "instance %u is no longer this process's",
				       place->instance);
	return 0;
}
