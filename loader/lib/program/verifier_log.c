/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/verifier_log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/lib/base/cleanup.h"

#define TAIL_LINES 6
#define TAIL_BYTES 900

char *slot_verifier_log_new(void)
{
	return calloc(1, SLOT_VERIFIER_LOG_SIZE);
}

/* The verifier's closing statistics say nothing about the refusal. */
static size_t trim_statistics(const char *log)
{
	const char *stats = strstr(log, "\nprocessed ");
	size_t len = stats ? (size_t)(stats - log) : strlen(log);

	while (len && log[len - 1] == '\n')
		len--;
	return len;
}

static const char *find_tail(const char *log, size_t len)
{
	const char *tail = log + len;
	unsigned int lines = 0;

	while (tail > log && (size_t)(log + len - tail) < TAIL_BYTES) {
		if (tail[-1] == '\n' && ++lines == TAIL_LINES)
			break;
		tail--;
	}
	return tail;
}

/* One file per program, overwritten by its next refusal. Returns 0 or -errno. */
static int save_log(const char *log, const char *name, const char *log_dir, char *ret_path)
{
	_cleanup_fclose_ FILE *file = NULL;

	if (mkdir(log_dir, 0755) && errno != EEXIST)
		return -errno;
	if (snprintf(ret_path, PATH_MAX, "%s/%s.verifier.log", log_dir, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	file = fopen(ret_path, "we");
	if (!file || fputs(log, file) == EOF || fflush(file))
		return -EIO;
	return 0;
}

int slot_verifier_log_reason(const char *log, const char *name, const char *log_dir, int err,
			     struct slot_reason *why)
{
	size_t len = trim_statistics(log);
	const char *tail = find_tail(log, len);
	char path[PATH_MAX];

	if (log_dir && !save_log(log, name, log_dir, path))
		return slot_reason_set(why, err,
				       "cannot load '%s': verifier rejected it (whole log in "
				       "'%s'):\n%.*s",
				       name, path, (int)(log + len - tail), tail);
	return slot_reason_set(why, err, "cannot load '%s': verifier rejected it:\n%.*s", name,
			       (int)(log + len - tail), tail);
}
