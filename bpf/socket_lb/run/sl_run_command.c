/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "loader/lib/base/cleanup.h"

/* What execvp fails with goes through a pipe that a successful one closes. */
__attribute__((noreturn)) static void become(char *const *words, const sigset_t *mask, int tell)
{
	int err;

	sigprocmask(SIG_SETMASK, mask, NULL);
	unsetenv("NOTIFY_SOCKET");
	execvp(words[0], words);
	err = errno;
	if (write(tell, &err, sizeof(err)) < 0)
		perror("slotctl: socket run");
	_exit(SL_RUN_CANNOT_RUN);
}

int sl_run_command_start(char *const *words, const sigset_t *mask, struct slot_reason *why,
			 pid_t *ret_child)
{
	_cleanup_close_ int told = -1, tell = -1;
	int pipe_fds[2], err = 0;
	pid_t child;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return slot_reason_set(why, -errno, "cannot make a pipe: %s", strerror(errno));
	told = pipe_fds[0];
	tell = pipe_fds[1];
	child = fork();
	if (child < 0)
		return slot_reason_set(why, -errno, "cannot fork: %s", strerror(errno));
	if (!child)
		become(words, mask, tell);
	close(TAKE_FD(tell));
	if (read(told, &err, sizeof(err)) == sizeof(err)) {
		waitpid(child, NULL, 0);
		return slot_reason_set(why, -err, "cannot run '%.200s': %s", words[0],
				       strerror(err));
	}
	*ret_child = child;
	return 0;
}
