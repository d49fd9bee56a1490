/* SPDX-License-Identifier: GPL-2.0-only */
/* tc_redirect's destinations in the pinned maps of its slot, and the devices they lead to. */
#ifndef TC_REDIRECT_H
#define TC_REDIRECT_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/count_abi.h"
#include "bpf/tc_redirect/tc_redirect_abi.h"
#include "loader/lib/base/reason.h"

/* The open maps of a slot; -1 where not. */
struct tc_redirect_maps {
	int dests;
	int hits;
};

#define TC_REDIRECT_MAPS_CLOSED { -1, -1 }

/* One element of redirect_dests. */
struct tc_redirect_route {
	struct slot_prefix prefix;
	struct tc_redirect_dest dest;
};

/* tc_redirect_open - the maps pinned in @map_dir; both or none. Returns 0 or -errno, and says why. */
int tc_redirect_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		     struct tc_redirect_maps *ret_maps);
void tc_redirect_close(struct tc_redirect_maps *maps);

/*
 * tc_redirect_routes_get - all of them, sorted; @ret_routes is the caller's to free. Returns 0
 * or -errno, and says why.
 */
int tc_redirect_routes_get(const struct tc_redirect_maps *maps, struct slot_reason *why,
			   struct tc_redirect_route **ret_routes, size_t *ret_count);

/*
 * tc_redirect_route_set - lead @prefix to @ifindex by @helper, whatever it led to before, at
 * one blow; a new prefix counts from 0. The caller holds program_maps_lock(). Returns 0 or
 * -errno, and says why.
 */
int tc_redirect_route_set(const struct tc_redirect_maps *maps, const struct slot_prefix *prefix,
			  unsigned int ifindex, enum tc_redirect_helper helper,
			  struct slot_reason *why);

/* tc_redirect_route_del - under the lock, too. Returns 0, -ENOENT, -errno; says why. */
int tc_redirect_route_del(const struct tc_redirect_maps *maps, const struct slot_prefix *prefix,
			  struct slot_reason *why);

/* A device in this process's netns. */
struct tc_redirect_device {
	unsigned int ifindex;
	bool has_peer; /* a veth or netkit whose other end is in another netns */
};

/* tc_redirect_device_get - by netlink; needs no privilege. Returns 0, -ENODEV, -errno. */
int tc_redirect_device_get(const char *name, struct tc_redirect_device *ret_device);

#endif
