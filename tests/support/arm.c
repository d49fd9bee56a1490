/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/arm.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Read anew each time: the test that writes it runs beside slotd. */
static void read_order(struct arm *arm, const char *path)
{
	char text[sizeof(arm->text)] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

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
}

bool arm_is_due(struct arm *arm, const char *path, const char *point, bool is_kill)
{
	read_order(arm, path);
	if (!arm->count || is_kill != !arm->err || strcmp(arm->point, point) != 0)
		return false;
	return !--arm->count;
}
