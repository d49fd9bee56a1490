/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/base/clock.h"

#include <time.h>

int64_t slot_clock_ms(void)
{
	struct timespec now = {};

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t slot_clock_ns(void)
{
	struct timespec now = {};

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
