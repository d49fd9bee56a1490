/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that commands are given. */
#ifndef PROGRAM_FILE_H
#define PROGRAM_FILE_H

#include <stddef.h>

#include "loader/lib/base/reason.h"

/*
 * program_file_read - all of the file @path, which may be a pipe, of at most @size_max
 * bytes. @ret_text, without a NUL at its end, is the caller's to free. Returns 0, -E2BIG
 * for a larger one, -ENOMEM or -errno; says why.
 */
int program_file_read(const char *path, size_t size_max, struct slot_reason *why, char **ret_text,
		      size_t *ret_len);

#endif
