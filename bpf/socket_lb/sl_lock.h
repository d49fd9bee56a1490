/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sl_pins.c, sl_instance.c and sl_sockets.c share, and nobody else calls. */
#ifndef SL_LOCK_H
#define SL_LOCK_H

#include "bpf/socket_lb/sl_pins.h"

/*
 * sl_lock - wait until no other writer changes the maps. @ret_locked is for sl_unlock(). -EBUSY:
 * another one held the lock for ten seconds, longer than any change takes.
 */
int sl_lock(const struct sl_maps *maps, struct slot_reason *why, int *ret_locked);
void sl_unlock(int *locked);

/* sl_instance_clear - under the lock: it has no sockets and is free, of a new generation. */
int sl_instance_clear(const struct sl_maps *maps, __u32 vip, __u32 instance,
		      struct slot_reason *why);

/* sl_instance_own - under the lock: the instance, if it is still the caller's; else -ESTALE. */
int sl_instance_own(const struct sl_maps *maps, const struct sl_place *place,
		    struct slot_reason *why, struct sl_instance *ret_instance);

/* sl_sockets_remove - under the lock: it has none. */
int sl_sockets_remove(const struct sl_maps *maps, __u32 vip, __u32 instance,
		      struct slot_reason *why);

#endif
