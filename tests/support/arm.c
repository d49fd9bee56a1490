/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/arm.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_file(const char *name, int flags)
{
	const char *dir = getenv("SLOTD_FAULT_DIR");
	char path[PATH_MAX];

	if (!dir || snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_MAX)
		return -1;
	return open(path, flags | O_CLOEXEC);
}

/* Read anew each time: the test that writes it runs beside slotd. */
static void read_order(struct arm *arm)
{
	char text[sizeof(arm->text)] = "";
	int fd = open_file("arm", O_RDONLY);

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = '\0';
		close(fd);
	}
	if (!strcmp(text, arm->text))
		return;
	*arm = (struct arm){ 0 };
	memcpy(arm->text, text, sizeof(text));
	if (sscanf(text, "%63s %ld %d", arm->point, &arm->count, &arm->err) < 2)
		arm->count = 0;
	arm->is_stop = strstr(text, " stop") != NULL;
}

/* Only where there is such a file. */
static void note(const char *file, const char *point)
{
	int fd = open_file(file, O_WRONLY | O_APPEND);
	char line[72];
	int len = snprintf(line, sizeof(line), "%s\n", point);

	if (fd < 0)
		return;
	if (write(fd, line, (size_t)len) != len)
		perror(file);
	close(fd);
}

bool arm_is_due(struct arm *arm, const char *point, bool is_kill)
{
	read_order(arm);
	if (!arm->count || is_kill != !arm->err || strcmp(arm->point, point) != 0)
		return false;
	if (--arm->count)
		return false;
	note("struck", point);
	return true;
}

void arm_trace(const char *point)
{
	note("trace", point);
}
