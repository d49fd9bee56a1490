/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fault points of build/faults/slotd (loader/lib/base/fault.h). SLOTD_FAULT_DIR
 * names a folder: its file "arm" says what is to go wrong (tests/support/arm.h), and
 * where there is a file "trace" the name of each point that is met goes into it.
 */
#define SLOT_FAULTS
#include "loader/lib/base/fault.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/arm.h"

static struct arm arm;

static bool find_file(const char *name, char *ret_path)
{
	const char *dir = getenv("SLOTD_FAULT_DIR");

	return dir && snprintf(ret_path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

static void trace(const char *point)
{
	char path[PATH_MAX];
	char line[72];
	int len = snprintf(line, sizeof(line), "%s\n", point);
	int fd = find_file("trace", path) ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (write(fd, line, (size_t)len) != len)
		perror("fault: trace");
	close(fd);
}

int slot_fault_error(const char *point)
{
	char path[PATH_MAX];

	return find_file("arm", path) && arm_is_due(&arm, path, point, false) ? -arm.err : 0;
}

void slot_fault_pass(const char *point)
{
	char path[PATH_MAX];

	trace(point);
	if (find_file("arm", path) && arm_is_due(&arm, path, point, true))
		raise(SIGKILL);
}
