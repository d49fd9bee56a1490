/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/maps/sl_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"

#define STAT_SIZE 1024
#define FIELD_STATE 3
#define FIELD_START 22

/* The name, field 2, may hold anything: fields are counted from its last bracket on. */
static const char *find_field(const char *stat, int field)
{
	const char *at = strrchr(stat, ')');

	for (int i = FIELD_STATE; at && i <= field; i++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at;
}

static int read_stat(pid_t pid, char *ret_state, __u64 *ret_start)
{
	char path[32], stat[STAT_SIZE];
	_cleanup_close_ int fd = -1;
	const char *state, *start;
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	size = read(fd, stat, sizeof(stat) - 1);
	if (size < 0)
		return -errno;
	stat[size] = '\0';
	state = find_field(stat, FIELD_STATE);
	start = find_field(stat, FIELD_START);
	if (!state || !start)
		return -EIO;
	*ret_state = *state;
	*ret_start = strtoull(start, NULL, 10);
	return 0;
}

static int read_pid_ns(pid_t pid, __u64 *ret_inode)
{
	struct stat info;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	if (stat(path, &info))
		return -errno;
	*ret_inode = info.st_ino;
	return 0;
}

int sl_process_get(pid_t pid, struct sl_process *ret_process)
{
	struct sl_process process = { .pid = (__u32)(pid ? pid : getpid()) };
	char state = 0;
	int err = read_stat((pid_t)process.pid, &state, &process.pid_start);

	err = err ? err : read_pid_ns((pid_t)process.pid, &process.pid_ns);
	if (!err)
		*ret_process = process;
	return err;
}

enum sl_life sl_process_life(const struct sl_process *process)
{
	__u64 start = 0, inode = 0;
	char state = 0;

	if (read_pid_ns(getpid(), &inode) || inode != process->pid_ns)
		return SL_HIDDEN;
	if (!process->pid || (kill((pid_t)process->pid, 0) && errno == ESRCH))
		return SL_DEAD;
	/* Where /proc hides the processes of others, one of this number has to do. */
	if (read_stat((pid_t)process->pid, &state, &start))
		return SL_ALIVE;
	return start != process->pid_start || state == 'Z' || state == 'X' ? SL_DEAD : SL_ALIVE;
}
