/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fail_bpf.so, for LD_PRELOAD: bpf() calls of the process fail as the file "arm" in
 * $SLOTD_FAULT_DIR wants it (tests/support/arm.h; the point is "bpf"). libbpf makes
 * them through libc's syscall().
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/syscall.h>

#include "tests/support/arm.h"

static struct arm arm;

static bool is_to_fail(void)
{
	const char *dir = getenv("SLOTD_FAULT_DIR");
	char path[PATH_MAX];

	return dir && snprintf(path, sizeof(path), "%s/arm", dir) < (int)sizeof(path) &&
	       arm_is_due(&arm, path, "bpf", false);
}

/* As unistd.h declares it; all arguments are registers, however many there are. */
long syscall(long number, ...)
{
	long (*next)(long number, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_bpf && is_to_fail()) {
		errno = arm.err;
		return -1;
	}
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
