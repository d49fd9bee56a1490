/* SPDX-License-Identifier: GPL-2.0-only */
/* Words for people: made safe for a terminal, measured, and times in their own unit. Pure. */
#ifndef SLOTCTL_TEXT_H
#define SLOTCTL_TEXT_H

#include <stddef.h>

#include <linux/types.h>

#define SLOT_TIME_SIZE 32

/*
 * slot_text_clean - a copy of @text that a terminal shows as it is.
 *
 * Tabs and line ends become blanks, anything else that cannot be printed in the
 * current locale becomes '?'. @ret_width, which may be NULL, is the number of
 * columns the copy takes. Returns the copy, which the caller frees, or NULL
 * when memory is out.
 */
char *slot_text_clean(const char *text, size_t *ret_width);

/* slot_text_format_us - @us microseconds as "15 us", "3.8 ms" or "2.4 s". */
void slot_text_format_us(__u64 us, char ret_text[SLOT_TIME_SIZE]);

#endif
