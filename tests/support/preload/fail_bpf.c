/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fail_bpf.so, for LD_PRELOAD: bpf() calls of the process fail as tests/support/arm.h
 * arms the point "bpf". libbpf makes them through libc's syscall().
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include <sys/syscall.h>

#include "tests/support/arm.h"

static struct arm arm;

/* All arguments are registers, however many the caller gave. */
long syscall(long __sysno, ...)
{
	long (*next)(long number, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list args;
	int i;

	va_start(args, __sysno);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (__sysno != SYS_bpf)
		return next(__sysno, a[0], a[1], a[2], a[3], a[4], a[5]);
	arm_trace("bpf");
	if (!arm_is_due(&arm, "bpf", false))
		return next(__sysno, a[0], a[1], a[2], a[3], a[4], a[5]);
	errno = arm.err;
	return -1;
}
