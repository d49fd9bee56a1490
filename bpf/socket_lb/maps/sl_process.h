/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who a process is, so that another one can tell whether it is still there. */
#ifndef SL_PROCESS_H
#define SL_PROCESS_H

#include <sys/types.h>

#include <linux/types.h>

struct sl_process {
	__u32 pid;
	__u64 pid_start; /* clock ticks since boot: field 22 of /proc/PID/stat */
	__u64 pid_ns;	 /* inode of its pid namespace: pid is a number of that one */
};

enum sl_life {
	SL_ALIVE,
	SL_DEAD,
	SL_HIDDEN, /* of another pid namespace: not to be known from here */
};

/*
 * sl_process_get - who @pid is, 0: the caller. Returns 0, -ESRCH where there is none,
 * -errno where /proc cannot be read.
 */
int sl_process_get(pid_t pid, struct sl_process *ret_process);

/* sl_process_life - whether it still runs; one that ended and was not waited for is dead. */
enum sl_life sl_process_life(const struct sl_process *process);

#endif
