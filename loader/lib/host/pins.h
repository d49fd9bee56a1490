/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pins: the names under which slotd's kernel objects live in bpffs. They are
 * the truth about what runs; docs/protocol.md draws the tree.
 */
#ifndef SLOT_PINS_H
#define SLOT_PINS_H

#include <limits.h>
#include <stddef.h>

#include <linux/types.h>

#include "loader/lib/base/reason.h"

#define SLOT_BPFFS_DEFAULT "/sys/fs/bpf"

/*
 * An interface, so named that no two of a host collide: ifindexes repeat from netns to netns.
 * Chains of sockets belong to none (target.h).
 */
struct slot_target {
	__u64 netns_cookie; /* of sock_ops the id of the cgroup */
	unsigned int ifindex;
	const char *interface; /* as its chain is called: "eth0", "blue:eth0", "web:sock_ops" */
};

/*
 * slot_pins_open - make @bpffs a place to pin in: mount a bpffs there when it is
 * none, make @bpffs/slotd, and lock it against a second slotd.
 *
 * @ret_lock_fd holds the lock until closed. @ret_root receives "@bpffs/slotd"
 * (PATH_MAX bytes). Returns 0, -EBUSY when another slotd holds the lock, or
 * -errno; says why.
 */
int slot_pins_open(const char *bpffs, struct slot_reason *why, int *ret_lock_fd, char *ret_root);

/*
 * slot_pins_chain_dir - the folder of @target's chain in @root:
 * "<cookie>-<ifindex>-<name>", into @ret_dir (PATH_MAX bytes). bpffs allows no
 * dots in names, so one is written "%2e". Returns 0 or -ENAMETOOLONG.
 */
int slot_pins_chain_dir(const char *root, const struct slot_target *target, char *ret_dir);

/*
 * slot_pins_chain_parse - the reverse, from the folder's own name. @ret_name
 * receives the chain's name (SLOT_CHAIN_NAME_MAX bytes); ret_target->interface is left
 * alone. Returns 0, or -EINVAL for another kind of name.
 */
int slot_pins_chain_parse(const char *folder, struct slot_target *ret_target, char *ret_name);

/* slot_pin_path - "@dir/..." printf-like into @ret_path (PATH_MAX bytes). Returns 0 or -ENAMETOOLONG. */
int slot_pin_path(char *ret_path, const char *dir, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* slot_pin_open - the object pinned at @dir/@name as a new descriptor, or -errno. */
int slot_pin_open(const char *dir, const char *name);

/* slot_pin_map_id - the kernel's number of the map pinned at @dir/@name; 0 where there is none. */
__u32 slot_pin_map_id(const char *dir, const char *name);

/* slot_pin_set - pin @fd at @dir/@name, which must be free. Returns 0 or -errno. */
int slot_pin_set(int fd, const char *dir, const char *name);

/* slot_pin_del - remove the pin @dir/@name; a pin that is not there is no error. Returns 0 or -errno. */
int slot_pin_del(const char *dir, const char *name);

/* slot_pin_mkdir - make @dir and what is missing above it. Returns 0 or -errno. */
int slot_pin_mkdir(const char *dir);

/* slot_pin_remove_all - remove @dir with all that is in it; absent is no error. Returns 0 or -errno. */
int slot_pin_remove_all(const char *dir);

/* slot_pin_map_name - the pin of the map that libbpf calls @map: ".bss" of "fw.bss" becomes "_bss". */
void slot_pin_map_name(const char *map, char *ret_name, size_t size);

#endif
