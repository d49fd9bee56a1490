/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The jump: the program of sk_reuseport that applications attach to their sockets, once. It
 * goes on into element 0 of a program array, the *seat*, which holds the root of a chain;
 * where that is empty it answers SK_PASS. So a chain is swapped without a socket noticing,
 * and slotd holds and pins the seat as it does the links of other hooks. An array that
 * nobody holds open and nothing pins is emptied by the kernel, as such a link is detached.
 */
#ifndef SLOT_JUMP_H
#define SLOT_JUMP_H

#include <linux/types.h>

#define SLOT_PIN_JUMP "jump"

/* slot_jump_find - the seat of the jump that is pinned in @dir: its descriptor, the caller's, or -errno. */
int slot_jump_find(const char *dir);

/*
 * slot_jump_open - the seat of the jump that is pinned in @dir, or an empty one where there is
 * no jump. Returns its descriptor, the caller's, or -errno.
 */
int slot_jump_open(const char *dir);

/*
 * slot_jump_pin - see to it that a jump into @seat_fd is pinned in @dir (made where it is
 * missing) for everybody to read; one into another seat gives way. Returns 0 or -errno.
 */
int slot_jump_pin(int seat_fd, const char *dir);

/* slot_jump_get - the program in the seat; 0 where it is empty. Returns 0, -EINVAL for no seat, or -errno. */
int slot_jump_get(int seat_fd, __u32 *ret_prog_id);

/* slot_jump_set - put @prog_fd into the seat, whatever is there. Returns 0 or -errno. */
int slot_jump_set(int seat_fd, int prog_fd);

/*
 * slot_jump_swap - @new_fd instead of @old_fd, atomic per packet. Returns 0, -EPERM where the
 * seat does not hold @old_fd, or -errno. The kernel does not compare: who writes to the seat
 * between the look and the update is overtaken.
 */
int slot_jump_swap(int seat_fd, int new_fd, int old_fd);

/* slot_jump_clear - empty the seat. Returns 0, also where it is, or -errno. */
int slot_jump_clear(int seat_fd);

#endif
