/* SPDX-License-Identifier: GPL-2.0-only */
/* Servers' ids in words. Pure. */
#ifndef PROGRAM_ID_H
#define PROGRAM_ID_H

#include <linux/types.h>

#include "loader/lib/base/reason.h"

/* program_id_parse - 1 to 4294967295, also 0x... Returns 0 or -EINVAL; says why. */
int program_id_parse(const char *text, struct slot_reason *why, __u32 *ret_id);

#endif
