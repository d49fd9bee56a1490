/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long ago something was. */
#ifndef SLOT_CLOCK_H
#define SLOT_CLOCK_H

#include <stdint.h>

/* slot_clock_ms - milliseconds of CLOCK_MONOTONIC. slot_clock_ns - nanoseconds, as BPF has it. */
int64_t slot_clock_ms(void);
uint64_t slot_clock_ns(void);

#endif
