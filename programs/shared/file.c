/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

/* Of a pipe the size is known only at its end. */
int program_file_read(const char *path, size_t size_max, struct slot_reason *why, char **ret_text,
		      size_t *ret_len)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (!file)
		return slot_reason_set(why, -errno, "cannot open '%s': %s", path, strerror(errno));
	text = malloc(size_max + 1);
	if (!text)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	len = fread(text, 1, size_max + 1, file);
	if (ferror(file))
		return slot_reason_set(why, -EIO, "cannot read '%s': %s", path, strerror(errno));
	if (len > size_max)
		return slot_reason_set(why, -E2BIG, "'%s' is larger than %zu MiB", path,
				       size_max >> 20);
	*ret_text = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}
