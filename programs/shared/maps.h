/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pinned maps of a slot, opened by a program's control plane. */
#ifndef PROGRAM_MAPS_H
#define PROGRAM_MAPS_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>

#include "loader/lib/base/reason.h"

/* A map as the program's ABI header describes it. */
struct program_map {
	const char *name;
	enum bpf_map_type type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries; /* 0: any number, as settings may say */
};

/*
 * program_map_open - open the map @map, pinned under its name in @map_dir.
 *
 * Reading needs no more than read permission on the pin. @ret_fd is the
 * caller's to close. Returns 0, -EPROTO for a map of another shape than
 * @map, -errno from the kernel; says why.
 */
int program_map_open(const char *map_dir, const struct program_map *map, bool is_writer,
		     struct slot_reason *why, int *ret_fd);

/* A map that is open, and where it was found. */
struct program_map_use {
	int fd; /* -1: none */
	const char *dir, *name;
};

/*
 * program_maps_check - whether all @count maps of @used are what is pinned there: a slot may have
 * got others. Returns 0, -ESTALE where another one is, -ENOENT where none is, or -errno where that
 * cannot be seen.
 */
int program_maps_check(const struct program_map_use *used, size_t count);

/* One of a program's maps, and where its descriptor goes. */
struct program_map_fd {
	const struct program_map *map;
	int *fd;
};

/*
 * program_maps_open - open all the @count maps of @all, or none: then each descriptor is -1.
 *
 * Returns what program_map_open() does.
 */
int program_maps_open(const char *map_dir, const struct program_map_fd *all, size_t count,
		      bool is_writer, struct slot_reason *why);

/*
 * program_map_clear - zeros on every CPU in @count elements from @first on of the per-CPU array
 * @map. What is counted meanwhile may be lost. Returns 0 or -errno; says why.
 */
int program_map_clear(int fd, const struct program_map *map, __u32 first, __u32 count,
		      struct slot_reason *why);

/*
 * program_maps_lock - wait until no other command changes the maps in @map_dir.
 *
 * The lock is on the folder and goes away with @ret_fd. Returns 0 or -errno;
 * says why.
 */
int program_maps_lock(const char *map_dir, struct slot_reason *why, int *ret_fd);

/*
 * program_maps_wait - lock the open folder @dir, but wait for ten seconds at most. Tests make them
 * fewer.
 *
 * @operation is LOCK_SH or LOCK_EX of flock(2). Returns 0, -EBUSY where another one held it for
 * all that time, or -errno.
 */
int program_maps_wait(int dir, int operation);
extern unsigned int program_maps_wait_ms;

/*
 * program_maps_share - wait until no command is changing the maps in @map_dir, and keep
 * it so until the descriptor is closed. For who reads more than one of them: not longer
 * than it takes to read them, and without waiting for ever, as a command may have been
 * stopped half way. Returns -1 where that was in vain, which is no reason not to read.
 */
int program_maps_share(const char *map_dir);
/*
 * program_maps_share_sure - the same for who must not read what is half changed: waits for @wait_ms
 * at most. @ret_fd: close. Returns 0, -EBUSY where a command is still at it, or -errno; says why.
 */
int program_maps_share_sure(const char *map_dir, unsigned int wait_ms, struct slot_reason *why,
			    int *ret_fd);

#endif
