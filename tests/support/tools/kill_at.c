/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kill_at: kills a process at the entry of its COUNT-th system call that could change what is
 * left behind: bpf(), and those on files by name. Calls that only read, that make what ends
 * with the process, or that failed do not count: between two that do, any moment leaves the
 * same. Counted from now on for a process that runs, from its first bpf() on for a command
 * that is started. Prints "ready" when it watches, exits with 0 when it has killed, with 3 when
 * SIGTERM ended it before; a command goes on then.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <linux/bpf.h>

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

/* Of programs and maps that are new only pins and links outlive the process. */
static bool is_bpf_change(uint64_t command)
{
	switch (command) {
	case BPF_MAP_CREATE:
	case BPF_MAP_LOOKUP_ELEM:
	case BPF_MAP_GET_NEXT_KEY:
	case BPF_MAP_LOOKUP_BATCH:
	case BPF_MAP_FREEZE:
	case BPF_PROG_LOAD:
	case BPF_BTF_LOAD:
	case BPF_OBJ_GET:
	case BPF_PROG_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
	case BPF_BTF_GET_NEXT_ID:
	case BPF_LINK_GET_NEXT_ID:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
	case BPF_OBJ_GET_INFO_BY_FD:
	case BPF_PROG_QUERY:
		return false;
	default:
		return true;
	}
}

static bool leaves_traces(uint64_t call, const uint64_t *args)
{
	switch (call) {
	case SYS_bpf:
		return is_bpf_change(args[0]);
	case SYS_openat:
		return args[2] & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC);
	case SYS_fsync:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_unlinkat:
	case SYS_mkdirat:
#ifdef SYS_open /* the older calls, where the machine has them */
	case SYS_open:
		return args[1] & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC);
	case SYS_rename:
	case SYS_unlink:
	case SYS_rmdir:
	case SYS_mkdir:
#endif
		return true;
	default:
		return false;
	}
}

/* Until the first bpf() nothing counts: a start reads libraries. */
static bool is_begun = true;

/* 1: a call that counts begins. -1: it ended, and changed nothing. 0: anything else. */
static int count_stop(pid_t pid)
{
	static bool is_counted;
	struct __ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return 0;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		return is_counted && info.exit.is_error ? -1 : 0;
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return 0;
	is_begun = is_begun || info.entry.nr == SYS_bpf;
	is_counted = is_begun && leaves_traces(info.entry.nr, info.entry.args);
	return is_counted;
}

/* Waits for the next stop of @pid; @ret_calls: as count_stop(). Returns -1 when it is over. */
static int wait_for_stop(pid_t pid, int *ret_calls, int *ret_signal)
{
	int status;

	if (waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
		return -1;
	*ret_calls = 0;
	*ret_signal = 0;
	if (WSTOPSIG(status) == (SIGTRAP | 0x80))
		*ret_calls = count_stop(pid);
	else if (!(status >> 16))
		/* a signal of its own is passed on; stops of the watching itself are not */
		*ret_signal = WSTOPSIG(status);
	return 0;
}

static int watch(pid_t pid, long count)
{
	int calls, signal;

	while (!is_stopped && !wait_for_stop(pid, &calls, &signal)) {
		count -= calls;
		if (calls > 0 && !count) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, __WALL);
			return 0;
		}
		if (ptrace(PTRACE_SYSCALL, pid, NULL, signal))
			break;
	}
	return is_stopped ? 3 : 1;
}

static pid_t start(char **argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execvp(argv[0], argv);
		_exit(127);
	}
	is_begun = false;
	/* it stops at the end of its exec */
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD) ||
	    ptrace(PTRACE_SYSCALL, pid, NULL, 0))
		return -1;
	return pid;
}

static pid_t seize(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		return -1;
	return pid;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t pid;

	if (argc < 3 || atol(argv[1]) < 1) {
		fputs("usage: kill_at COUNT PID | COMMAND...\n", stderr);
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	pid = atoi(argv[2]) > 1 ? seize(atoi(argv[2])) : start(argv + 2);
	if (pid < 0) {
		fprintf(stderr, "kill_at: '%s': %s\n", argv[2], strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	return watch(pid, atol(argv[1]));
}
