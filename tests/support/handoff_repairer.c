/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/handoff_repairer.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "programs/handoff/cli/handoff_cli.h"
#include "tests/support/tap.h"

#define DESCRIPTORS 64
#define PATIENCE_S 20
#define TRIES 10

struct handoff_repairer handoff_repairer = { .dir = "/tmp/handoff_repair.XXXXXX" };

int handoff_repairer_open(struct handoff_bed *bed)
{
	const struct passwd *user = getpwnam("nobody");
	struct handoff_repairer *all = &handoff_repairer;

	if (!user || !mkdtemp(all->dir) || chmod(all->dir, 0711))
		return -1;
	all->nobody = user->pw_uid;
	all->bed = bed;
	snprintf(all->path, sizeof(all->path), "%.31s/service", all->dir);
	snprintf(all->lock, sizeof(all->lock), "%.31s/service.lock", all->dir);
	return 0;
}

void handoff_repairer_close(void)
{
	unlink(handoff_repairer.lock);
	rmdir(handoff_repairer.dir);
}

bool handoff_repairer_is_there(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool is;

	strcpy(address.sun_path, handoff_repairer.path);
	is = !connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return is;
}

void handoff_repairer_leave_bed(void)
{
	const struct handoff_bed *bed = handoff_repairer.bed;

	close(bed->server);
	close(bed->client);
	close(bed->listener);
}

static _Noreturn void run_service(const char *user)
{
	const struct rlimit few = { .rlim_cur = DESCRIPTORS, .rlim_max = DESCRIPTORS };
	char user_word[64], socket_word[96], *words[] = { user_word, socket_word, "port=443" };
	struct program_context ctx = { .map_dir = handoff_repairer.dir, .out = stdout };

	snprintf(user_word, sizeof(user_word), "user=%s", user);
	snprintf(socket_word, sizeof(socket_word), "socket=%s", handoff_repairer.path);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	handoff_repairer_leave_bed();
	setrlimit(RLIMIT_NOFILE, &few);
	_exit(handoff_cmd_repair(&ctx, 3, words));
}

void handoff_repairer_start(const char *user)
{
	handoff_repairer.pid = fork();
	assert_true(handoff_repairer.pid >= 0);
	if (!handoff_repairer.pid)
		run_service(user);
	for (int i = 0; i < 10000 && !handoff_repairer_is_there(); i++)
		poll(NULL, 0, 1);
	assert_true(handoff_repairer_is_there());
}

int handoff_repairer_stop(int how)
{
	int status = -1;

	if (handoff_repairer.pid > 0) {
		kill(handoff_repairer.pid, how);
		assert_int_equal(waitpid(handoff_repairer.pid, &status, 0), handoff_repairer.pid);
	}
	handoff_repairer.pid = 0;
	return status;
}

void handoff_repairer_as_nobody(int (*what)(void), bool is_given)
{
	int status, go[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		if (read(go[0], &byte, 1))
			_exit(98);
		if (setgid(handoff_repairer.nobody) || setuid(handoff_repairer.nobody))
			_exit(99);
		_exit(what());
	}
	if (is_given) {
		close(handoff_repairer.bed->server);
		handoff_repairer.bed->server = -1;
	}
	close(go[0]);
	close(go[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status))
		fail_msg("as nobody: step %d", WEXITSTATUS(status));
}

int handoff_repairer_ask(int fd, const void *order, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int to = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct iovec part = { .iov_base = (void *)(uintptr_t)order, .iov_len = len };
	char control[CMSG_SPACE(sizeof(fd))] = {};
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *right;

	strcpy(address.sun_path, handoff_repairer.path);
	if (setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(to, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(to, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	if (fd >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		right = CMSG_FIRSTHDR(&message);
		right->cmsg_level = SOL_SOCKET;
		right->cmsg_type = SCM_RIGHTS;
		right->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(right), &fd, sizeof(fd));
	}
	if (sendmsg(to, &message, MSG_NOSIGNAL) != (ssize_t)len) {
		close(to);
		return -1;
	}
	return to;
}

int handoff_repairer_give(int fd, const void *order, size_t len)
{
	struct handoff_answer answer = {};
	int to = handoff_repairer_ask(fd, order, len);

	assert_true(to >= 0);
	assert_int_equal(recv(to, &answer, sizeof(answer), 0), sizeof(answer));
	close(to);
	return answer.err;
}

int handoff_repairer_capture(struct handoff *h, int fd, struct handoff_state **ret_state)
{
	int err = handoff_capture(h, fd, ret_state);

	for (int i = 1; i < TRIES && err == -ETIMEDOUT; i++) {
		handoff_set_agent(h, handoff_repairer.path);
		err = handoff_capture(h, fd, ret_state);
	}
	return err;
}
