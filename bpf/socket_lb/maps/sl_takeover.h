/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an instance of socket_lb lives through, from sl_instance_take() to sl_instance_leave():
 * taken, filled, serving, announced, left (socket_lb_abi.h has the order, sl_maps.h the lock).
 */
#ifndef SL_TAKEOVER_H
#define SL_TAKEOVER_H

#include <stdbool.h>

#include "bpf/socket_lb/maps/sl_instance.h"
#include "bpf/socket_lb/maps/sl_maps.h"
#include "bpf/socket_lb/maps/sl_process.h"

/*
 * sl_instance_take - an instance of VIP @key for @process, empty and SL_FILLING. -ENOENT: no such
 * VIP. -EBUSY: the one that does not serve is still another process's, which the text names.
 */
int sl_instance_take(const struct sl_maps *maps, const struct sl_vip_key *key,
		     const struct sl_process *process, struct slot_reason *why,
		     struct sl_place *ret_place);

/*
 * sl_socket_add - put the socket @fd at the first position that has none. It has SO_REUSEPORT, is
 * bound, and listens where it is TCP. -EADDRINUSE: it is in a map already; -EEXIST: in this part
 * of it. -ENOSPC: all SL_SOCKETS_MAX positions have one. -EOWNERDEAD: the place is no longer the
 * caller's.
 */
int sl_socket_add(const struct sl_maps *maps, const struct sl_place *place, int fd,
		  struct slot_reason *why, __u32 *ret_position);

/* How an instance shares its traffic. */
struct sl_share {
	__u8 policy;	     /* enum sl_policy */
	__u16 sockets;	     /* how many were added */
	const __u8 *weights; /* of each; NULL: all the same */
	const __u8 *workers; /* the worker that polls each; NULL: position p is worker p's */
};

/*
 * sl_instance_serve - its sockets may be chosen, by @share. Nothing new comes before
 * sl_announce(). For an instance that serves already: share anew.
 */
int sl_instance_serve(const struct sl_maps *maps, const struct sl_place *place,
		      const struct sl_share *share, struct slot_reason *why);

/*
 * sl_instance_share - by an operator: another policy, and @weights (SL_SOCKETS_MAX of them; NULL:
 * as they are), for an instance that runs. -ENOENT: it is free.
 */
int sl_instance_share(const struct sl_maps *maps, __u32 vip, __u32 number, __u8 policy,
		      const __u8 *weights, struct slot_reason *why);

/*
 * sl_announce - the takeover: from here on what is new is this instance's. One map update.
 * -EINVAL: it does not serve, or has no socket left. -EOWNERDEAD: the place is no longer the caller's.
 */
int sl_announce(const struct sl_maps *maps, const struct sl_place *place, struct slot_reason *why);

/*
 * sl_announce_first - the same, where nobody else has what is new; from who has it, nothing is
 * taken. For who was announced in maps that the chain has no more.
 */
int sl_announce_first(const struct sl_maps *maps, const struct sl_place *place,
		      struct slot_reason *why);

/*
 * sl_announce_again - who was replaced by an instance that has died since takes its VIP back.
 * From one that serves, a third one's as well, it takes nothing. @ret_is_active: whether new
 * traffic is the caller's afterwards.
 */
int sl_announce_again(const struct sl_maps *maps, const struct sl_place *place,
		      struct slot_reason *why, bool *ret_is_active);

/*
 * sl_instance_leave - free it. Where it is the active one: the other one is announced, if it
 * serves and has sockets; else new traffic is refused. Its sockets get nothing from here on.
 * Done already, or the place is another's: 0.
 */
int sl_instance_leave(const struct sl_maps *maps, const struct sl_place *place,
		      struct slot_reason *why);

/*
 * sl_sockets_take_out - of the @count positions at @place those that have the socket of @cookies
 * still. All else stays as it is: for a place that may be another's by now.
 */
int sl_sockets_take_out(const struct sl_maps *maps, const struct sl_place *place,
			const __u64 *cookies, __u32 count, struct slot_reason *why);

/* sl_active_set - by an operator: instance @number has to serve and to have sockets; -1: none. */
int sl_active_set(const struct sl_maps *maps, __u32 vip, int number, struct slot_reason *why);

#endif
