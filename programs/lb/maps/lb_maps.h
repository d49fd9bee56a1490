/* SPDX-License-Identifier: GPL-2.0-only */
/* The load balancer's pinned maps: opened, and read. */
#ifndef LB_MAPS_H
#define LB_MAPS_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "programs/lb/lb_abi.h"
#include "programs/lb/model/lb_words.h"
#include "programs/shared/maps.h"

enum lb_map {
	LB_MAP_CONTROL,
	LB_MAP_ACTIVE,
	LB_MAP_GENERATION,
	LB_MAP_VIPS4,
	LB_MAP_VIPS6,
	LB_MAP_CIDRS4,
	LB_MAP_CIDRS6,
	LB_MAP_RINGS,
	LB_MAP_PREVIOUS,
	LB_MAP_REALS,
	LB_MAP_SOURCES4,
	LB_MAP_SOURCES6,
	LB_MAP_SERVER_IDS,
	LB_MAP_DOWN,
	LB_MAP_RETURNS4,
	LB_MAP_RETURNS6,
	LB_MAP_TUNNELS,
	LB_MAP_NOTES,
	LB_MAP_MEMBERS,
	LB_MAP_COUNTS,
	LB_MAP_VIP_COUNTS,
	LB_MAP_REAL_COUNTS,
	LB_MAPS,
};

struct lb_maps {
	int fds[LB_MAPS];
	int lock_fd; /* -1 when opened for reading */
};

/* lb_maps_open - lb_maps_close. With @is_writer it waits for the lock. Returns 0 or -errno. */
int lb_maps_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		 struct lb_maps *ret_maps);
void lb_maps_close(struct lb_maps *maps);

/* lb_map_shape - its name and sizes. */
const struct program_map *lb_map_shape(enum lb_map map);

/* All elements of a map, in no order. */
struct lb_elements {
	unsigned char *keys;
	unsigned char *values;
	size_t key_size, value_size;
	__u32 count;
};

/* lb_elements_read - lb_elements_free. Not of per-CPU maps. Returns 0 or -errno. */
int lb_elements_read(const struct lb_maps *maps, enum lb_map map, struct slot_reason *why,
		     struct lb_elements *ret_elements);
void lb_elements_free(struct lb_elements *elements);

/* lb_maps_get - one element. Returns 0, -ENOENT, or -errno from the kernel; says why. */
int lb_maps_get(const struct lb_maps *maps, enum lb_map map, const void *key,
		struct slot_reason *why, void *ret_value);

/* The key of a VIP, and of the four maps the one it is in. */
struct lb_vip_place {
	enum lb_map map;
	union {
		struct lb_vip4_key vip4;
		struct lb_vip6_key vip6;
		struct lb_cidr4_key cidr4;
		struct lb_cidr6_key cidr6;
	} key;
};

struct lb_vip_place lb_vip_place(const struct lb_vip_name *name);

/* lb_maps_raise - the next generation: packets look VIPs and server ids up anew. */
void lb_maps_raise(const struct lb_maps *maps);

/*
 * lb_grace - raise the generation, and wait until no packet is under way that may have
 * seen what was there before: an RCU grace period (docs/kernel-notes.md).
 */
void lb_grace(const struct lb_maps *maps);

#endif
