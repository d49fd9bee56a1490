/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pinned maps of socket_lb: VIPs, and the life of an instance from sl_instance_take() to
 * sl_instance_leave(). For the command line and for server processes alike: needs neither slotd nor
 * root, only permission to write the pins.
 *
 * Every function that changes something holds flock(LOCK_EX) on the folder meanwhile, so that
 * two processes that start at once come one after the other: waited for at most ten seconds, then
 * it is -EBUSY. A lock ends with its process;
 * each step leaves the maps such that the next writer can go on, and packets find whoever
 * still serves. All return 0 or -errno and say why. Not for several threads at one struct sl_maps.
 */
#ifndef SL_PINS_H
#define SL_PINS_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/socket_lb/sl_process.h"
#include "bpf/socket_lb/socket_lb_abi.h"
#include "loader/lib/base/reason.h"

struct sl_maps {
	int dir; /* the folder, to lock it */
	int vips;
	int active;
	int instances;
	int sockets;
	int flows;
	int counts;
};

#define SL_MAPS_CLOSED                                                                             \
	{                                                                                          \
		.dir = -1,                                                                         \
		.vips = -1,                                                                        \
		.active = -1,                                                                      \
		.instances = -1,                                                                   \
		.sockets = -1,                                                                     \
		.flows = -1,                                                                       \
		.counts = -1,                                                                      \
	}

/* sl_maps_open - those pinned in @map_dir; to read them alone, read permission is enough. */
int sl_maps_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		 struct sl_maps *ret_maps);
void sl_maps_close(struct sl_maps *maps);

/* --- VIPs ------------------------------------------------------------------------------------ */

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
 * free, without sockets. -EEXIST where it is there (sl_vip_change() gives it another mode or
 * layout; the instances stay), -E2BIG where there are SL_VIPS_MAX.
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

/* --- instances ------------------------------------------------------------------------------- */

/* Of a VIP, by its index. */
struct sl_place {
	__u32 vip;
	__u32 instance;	  /* 0 or 1 */
	__u32 generation; /* that it was taken with: who has another one has lost it */
};

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
 * of it. -ENOSPC: all SL_SOCKETS_MAX positions have one. -ESTALE: the place is no longer the
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
 * -EINVAL: it does not serve, or has no socket left. -ESTALE: the place is no longer the caller's.
 */
int sl_announce(const struct sl_maps *maps, const struct sl_place *place, struct slot_reason *why);

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

/* sl_instance_get - reading needs no place. */
int sl_instance_get(const struct sl_maps *maps, __u32 vip, __u32 instance, struct slot_reason *why,
		    struct sl_instance *ret_instance);

/* sl_instance_sockets - how many sockets it has that are open, and listen where they are TCP. */
int sl_instance_sockets(const struct sl_maps *maps, __u32 vip, __u32 instance,
			struct slot_reason *why, size_t *ret_count);

/* sl_active_get - which instance takes new traffic: 0 or 1; -1: none. */
int sl_active_get(const struct sl_maps *maps, __u32 vip, struct slot_reason *why,
		  int *ret_instance);

/* sl_active_set - by an operator: instance @number has to serve and to have sockets; -1: none. */
int sl_active_set(const struct sl_maps *maps, __u32 vip, int number, struct slot_reason *why);

/* sl_flows_each - show @see every flow that is remembered, in no order. */
int sl_flows_each(const struct sl_maps *maps,
		  void (*see)(const struct sl_flow_key *key, const struct sl_flow *flow,
			      void *data),
		  void *data, struct slot_reason *why);

/*
 * sl_flows_count - flows of UDP that began with the instance since it was taken, and were heard
 * of within the VIP's memory. What is left to drain, as far as flows tell it: connections of
 * QUIC that are past their handshake are known by their ids, to the server alone.
 */
int sl_flows_count(const struct sl_maps *maps, const struct sl_vip *vip, __u32 instance,
		   struct slot_reason *why, size_t *ret_count);

#endif
