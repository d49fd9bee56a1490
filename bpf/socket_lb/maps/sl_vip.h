/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The VIPs of socket_lb, in its maps (sl_maps.h). */
#ifndef SL_VIP_H
#define SL_VIP_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/socket_lb/maps/sl_maps.h"
#include "bpf/socket_lb/socket_lb_abi.h"

struct sl_vip_entry {
	struct sl_vip_key key;
	struct sl_vip vip;
};

/* sl_vip_get - -ENOENT where there is no such VIP. */
int sl_vip_get(const struct sl_maps *maps, const struct sl_vip_key *key, struct slot_reason *why,
	       struct sl_vip *ret_vip);

/* sl_vips_get - all @ret_count of them, by key; @ret_vips is the caller's to free. */
int sl_vips_get(const struct sl_maps *maps, struct slot_reason *why, struct sl_vip_entry **ret_vips,
		size_t *ret_count);

/*
 * sl_vip_add - with mode, memory and layout of @vip, under an index that is free: both instances
 * free, without sockets. One that is there as @vip says stays as it is; -EEXIST where it is there
 * otherwise (sl_vip_change() gives it another mode or layout; the instances stay), -E2BIG where there are SL_VIPS_MAX.
 */
int sl_vip_add(const struct sl_maps *maps, const struct sl_vip_key *key, const struct sl_vip *vip,
	       struct slot_reason *why);
int sl_vip_change(const struct sl_maps *maps, const struct sl_vip_key *key,
		  const struct sl_vip *vip, struct slot_reason *why);

/*
 * sl_vip_del - its sockets are the kernel's to choose from again. -EBUSY where an instance has
 * sockets, unless @is_forced.
 */
int sl_vip_del(const struct sl_maps *maps, const struct sl_vip_key *key, bool is_forced,
	       struct slot_reason *why);

#endif
