/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_room.h"

#include <stdlib.h>

/* Lists of this hold the next power of two at least, so they may be full at a power of two alone. */
void *sl_run_room(void *items, size_t count, size_t size)
{
	if (count & (count - 1))
		return items;
	return reallocarray(items, count ? 2 * count : 1, size);
}
