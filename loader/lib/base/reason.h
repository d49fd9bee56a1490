/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why something failed, in words, carried beside the error code.
 *
 * The library logs nothing: the function that knows what was tried, on what and
 * why it failed writes it down once; the one that handles the failure adds what
 * happens next and shows it as one line.
 */
#ifndef SLOT_REASON_H
#define SLOT_REASON_H

#include <stddef.h>

struct slot_reason {
	char text[2048];
};

/*
 * slot_reason_set - write down why, printf-like, and return @err, so that a
 * failing function ends in `return slot_reason_set(why, -EINVAL, ...)`.
 * @why may be NULL.
 */
int slot_reason_set(struct slot_reason *why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* slot_reason_prefix - put context in front of what is already written down. Returns @err. */
int slot_reason_prefix(struct slot_reason *why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* slot_reason_append - put what follows from it behind what is already written down. Returns @err. */
int slot_reason_append(struct slot_reason *why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * A list of lines, for inputs that are judged whole: every error of a file is
 * reported, not only the first. The list owns its lines.
 */
struct slot_reasons {
	char **lines;
	size_t count;
};

/* slot_reasons_add - append one line, printf-like. Returns 0 or -ENOMEM. */
int slot_reasons_add(struct slot_reasons *list, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void slot_reasons_free(struct slot_reasons *list);

#endif
