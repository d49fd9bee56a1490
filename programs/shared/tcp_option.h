/* SPDX-License-Identifier: GPL-2.0-only */
/* Which kind of TCP option servers' ids are in. */
#ifndef PROGRAM_TCP_OPTION_H
#define PROGRAM_TCP_OPTION_H

#include <stdbool.h>

#include "programs/cli.h"

/* Kinds that TCP has a use for, in words. */
#define PROGRAM_OPTION_TAKEN "0 to 8, 19, 28 to 30, 34, 69, 172 and 174"

/*
 * program_option_is_free - whether @kind, 0 to 255, is none that TCP or the kernel has a use for:
 * RFC 9293, 7323, 2018, 1072, 2385, 5482, 5925, 8684, 7413, 8547, 9768. Pure.
 */
bool program_option_is_free(__u32 kind);

/*
 * program_option_warn - a line on stderr where the setting @name of the slot is a kind that is not
 * free; @is_zero_free: 0 is the setting's word for another one. @slot may be NULL.
 */
void program_option_warn(const struct program_slot *slot, const char *name, bool is_zero_free);

#endif
