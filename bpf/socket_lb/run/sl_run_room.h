/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists that grow as the kernel tells one after the other. */
#ifndef SL_RUN_ROOM_H
#define SL_RUN_ROOM_H

#include <stddef.h>

/*
 * sl_run_room - @items, @count of @size bytes each, with room for one more: where they may be full they
 * move to twice the room. NULL for lack of memory, and they stay as they are.
 */
void *sl_run_room(void *items, size_t count, size_t size);

#endif
