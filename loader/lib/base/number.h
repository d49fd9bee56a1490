/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers as people write them. */
#ifndef SLOT_NUMBER_H
#define SLOT_NUMBER_H

#include <linux/types.h>

/*
 * slot_number_parse - @text as a number from @min to @max: decimal digits, leading zeros or not, or
 * hexadecimal ones behind "0x". No sign, no blanks. Returns 0 or -EINVAL. Pure.
 */
int slot_number_parse(const char *text, __u32 min, __u32 max, __u32 *ret_number);

/*
 * slot_digits_parse - @text as a decimal number of at most @max: digits alone. Returns 0 or
 * -EINVAL. Pure.
 */
int slot_digits_parse(const char *text, __u32 max, __u32 *ret_number);

/*
 * slot_seconds_parse - @text as a time, "30", "30s", "5m" or "1h", from @min to @max seconds. Returns 0
 * or -EINVAL. Pure.
 */
int slot_seconds_parse(const char *text, __u32 min, __u32 max, __u32 *ret_seconds);

#endif
