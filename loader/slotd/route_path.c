/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/route_path.h"

#include <string.h>

/* Copy one path segment to @ret (@size bytes). Returns its length, or 0 if it is empty or too long. */
static size_t copy_segment(const char *path, char *ret, size_t size)
{
	size_t len = strcspn(path, "/");

	if (!len || len >= size)
		return 0;
	memcpy(ret, path, len);
	ret[len] = '\0';
	return len;
}

bool route_path_match(const char *pattern, const char *path, struct route_match *ret_match)
{
	size_t len;

	while (*pattern) {
		if (!strncmp(pattern, "{chain}", 7)) {
			len = copy_segment(path, ret_match->chain, sizeof(ret_match->chain));
			pattern += 7;
		} else if (!strncmp(pattern, "{slot}", 6)) {
			len = copy_segment(path, ret_match->slot, sizeof(ret_match->slot));
			pattern += 6;
		} else {
			len = *path == *pattern++;
		}
		if (!len)
			return false;
		path += len;
	}
	return !*path;
}
