/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel memory that maps take. */
#ifndef SLOT_MAP_MEMORY_H
#define SLOT_MAP_MEMORY_H

#include <linux/types.h>

/*
 * slot_map_memory_get - bytes of the map @fd: what the kernel accounts for it
 * (`memlock` of its fdinfo), or, for kinds that grow with their entries, what it
 * takes when it is full, should that be more. Returns 0 or -errno.
 */
int slot_map_memory_get(int fd, __u64 *ret_bytes);

/* The maps of a reservation: how much they take, and which of them takes most. */
struct slot_map_memory {
	__u64 bytes;
	__u64 largest_bytes;
	char largest[256]; /* its name; empty: there is no map */
};

/* slot_map_memory_add - add the map @fd, called @name, to @memory. Returns 0 or -errno. */
int slot_map_memory_add(int fd, const char *name, struct slot_map_memory *memory);

/* Whose maps are summed: folders of pins. */
struct slot_map_folders {
	const char *own;
	const char *stage;  /* whose maps take the place of those of the same name; or NULL */
	const char *lender; /* a slot's whose maps are borrowed: theirs do not count; or NULL */
	const char *lender_stage; /* or NULL */
};

/*
 * slot_map_memory_sum - of the maps pinned in @folders. A folder that is not there is
 * empty. Returns 0 or -errno.
 */
int slot_map_memory_sum(const struct slot_map_folders *folders, struct slot_map_memory *ret_memory);

#endif
