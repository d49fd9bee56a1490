/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XDP verdicts by name, one at a time and as masks (bit 1 << verdict). */
#ifndef SLOT_VERDICT_H
#define SLOT_VERDICT_H

#include <stddef.h>

#include <linux/types.h>

/* slot_verdict_name - "drop", "pass", ..., "denied" or "skipped" for an enum root_column, else "?". */
const char *slot_verdict_name(unsigned int column);

/* slot_verdict_parse - the verdict @text ("pass", "XDP_PASS"). Returns 0 to 4, or -EINVAL. */
int slot_verdict_parse(const char *text);

/* slot_allow_name - of a bit of what a reservation may allow: a verdict's, "skip" for ROOT_COL_SKIPPED. */
const char *slot_allow_name(unsigned int bit);

/* slot_allow_parse - the other way: 0 to 4, ROOT_COL_SKIPPED, or -EINVAL. */
int slot_allow_parse(const char *text);

/* slot_verdict_mask_format - "pass,tx,skip" into @ret (size bytes, always terminated), "none" for 0. */
void slot_verdict_mask_format(__u8 mask, char *ret, size_t size);

#endif
