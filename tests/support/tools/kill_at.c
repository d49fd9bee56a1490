/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kill_at: kills a process at the entry of its COUNT-th system call that could change what is
 * left behind: bpf(), and those on files by name. Counted from now on for a process that
 * runs, from its first bpf() on for a command that is started. Prints "ready" when it watches,
 * exits with 0 when it has killed, with 3 when SIGTERM ended it before; a command goes on then.
 */
#include <errno.h>
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

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

static bool leaves_traces(uint64_t call)
{
	switch (call) {
	case SYS_bpf:
	case SYS_openat:
	case SYS_fsync:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_unlinkat:
	case SYS_mkdirat:
#ifdef SYS_rename /* the older calls, where the machine has them */
	case SYS_rename:
	case SYS_unlink:
	case SYS_rmdir:
	case SYS_mkdir:
	case SYS_open:
#endif
		return true;
	default:
		return false;
	}
}

/* Until the first bpf() nothing counts: a start reads libraries. */
static bool is_begun = true;

static bool is_entry(pid_t pid)
{
	struct __ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return false;
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	is_begun = is_begun || info.entry.nr == SYS_bpf;
	return is_begun && leaves_traces(info.entry.nr);
}

/* Lets @pid run to its next stop. Returns 1 at a call that counts, 0 at any other, -1 when it is over. */
static int run_to_stop(pid_t pid)
{
	int status, signal = 0;

	if (waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
		return -1;
	if (WSTOPSIG(status) == (SIGTRAP | 0x80) && is_entry(pid))
		return 1;
	/* a signal of its own is passed on; stops of the watching itself are not */
	if (WSTOPSIG(status) != (SIGTRAP | 0x80) && !(status >> 16))
		signal = WSTOPSIG(status);
	return ptrace(PTRACE_SYSCALL, pid, NULL, signal) ? -1 : 0;
}

static int watch(pid_t pid, long count)
{
	while (!is_stopped) {
		int at = run_to_stop(pid);

		if (at < 0)
			return is_stopped ? 3 : 1;
		if (at && !--count) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, __WALL);
			return 0;
		}
		if (at && ptrace(PTRACE_SYSCALL, pid, NULL, 0))
			return 1;
	}
	return 3;
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
