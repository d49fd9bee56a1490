/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sockets of each instance in socket_lb's maps. */
#ifndef SL_SOCKETS_H
#define SL_SOCKETS_H

#include <stddef.h>

#include "bpf/socket_lb/maps/sl_maps.h"
#include "bpf/socket_lb/socket_lb_abi.h"

/* sl_sockets_count - how many an instance has that are open, and listen where they are TCP. */
int sl_sockets_count(const struct sl_maps *maps, __u32 vip, __u32 instance, struct slot_reason *why,
		     size_t *ret_count);

/* sl_socket_cookie - what the map has @fd as. Returns 0 or -errno, and says why. */
int sl_socket_cookie(int fd, struct slot_reason *why, __u64 *ret_cookie);

/* --- under sl_lock() ------------------------------------------------------------------------- */

/* sl_sockets_put - @fd, at the first position that has none; errors as those of sl_socket_add(). */
int sl_sockets_put(const struct sl_maps *maps, __u32 vip, __u32 instance, int fd,
		   struct slot_reason *why, __u32 *ret_position);

/* sl_sockets_remove - all of them: the instance has none. */
int sl_sockets_remove(const struct sl_maps *maps, __u32 vip, __u32 instance,
		      struct slot_reason *why);

#endif
