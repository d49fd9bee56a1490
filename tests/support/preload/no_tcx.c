/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * no_tcx.so, for LD_PRELOAD: the kernel of the process is one before Linux 6.6, which knows
 * neither tcx nor netkit. libbpf makes bpf() calls through libc's syscall().
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/syscall.h>

/* Of linux/bpf.h: BPF_TCX_INGRESS and what came after it. */
#define FIRST_UNKNOWN 46

static bool is_unknown(long cmd, const union bpf_attr *attr)
{
	return (cmd == BPF_LINK_CREATE && attr->link_create.attach_type >= FIRST_UNKNOWN) ||
	       (cmd == BPF_PROG_QUERY && attr->query.attach_type >= FIRST_UNKNOWN);
}

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
	if (__sysno != SYS_bpf || !is_unknown(a[0], (const union bpf_attr *)a[1]))
		return next(__sysno, a[0], a[1], a[2], a[3], a[4], a[5]);
	errno = EINVAL;
	return -1;
}
