/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two instances of each VIP in socket_lb's maps, and which of them takes what is new. */
#ifndef SL_INSTANCE_H
#define SL_INSTANCE_H

#include "bpf/socket_lb/maps/sl_maps.h"
#include "bpf/socket_lb/socket_lb_abi.h"

/* Of a VIP, by its index. */
struct sl_place {
	__u32 vip;
	__u32 instance;	  /* 0 or 1 */
	__u32 generation; /* that it was taken with: who has another one has lost it */
};

/* sl_instance_get - reading needs no place. */
int sl_instance_get(const struct sl_maps *maps, __u32 vip, __u32 instance, struct slot_reason *why,
		    struct sl_instance *ret_instance);

/* sl_active_get - which instance takes new traffic: 0 or 1; -1: none. */
int sl_active_get(const struct sl_maps *maps, __u32 vip, struct slot_reason *why,
		  int *ret_instance);

/* --- under sl_lock() ------------------------------------------------------------------------- */

int sl_instance_write(const struct sl_maps *maps, __u32 vip, __u32 instance,
		      const struct sl_instance *value, struct slot_reason *why);

/* sl_active_write - @instance, or -1 for none. The one update that a takeover is. */
int sl_active_write(const struct sl_maps *maps, __u32 vip, int instance, struct slot_reason *why);

/* sl_instance_clear - it has no sockets and is free, of a new generation. */
int sl_instance_clear(const struct sl_maps *maps, __u32 vip, __u32 instance,
		      struct slot_reason *why);

/* sl_instance_own - the instance, if it is still the caller's; else -EOWNERDEAD. */
int sl_instance_own(const struct sl_maps *maps, const struct sl_place *place,
		    struct slot_reason *why, struct sl_instance *ret_instance);

#endif
