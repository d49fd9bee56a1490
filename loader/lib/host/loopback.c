/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/loopback.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "loader/lib/base/cleanup.h"

#define SETTLE_MS 100
#define BACKLOG 1024

/* --- the child ------------------------------------------------------------------------------- */

static int raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) ? -errno : 0;
}

/* What is sent on one CPU is received there in the order in which it was sent. */
static void stay_on_cpu(void)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	if (cpu < 0)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* Nothing of slotd's but @fd, and no longer than slotd. */
static int let_go(int fd)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    (fd >= 0 && fd != SLOT_LOOPBACK_FD && dup2(fd, SLOT_LOOPBACK_FD) < 0) ||
	    close_range(SLOT_LOOPBACK_FD + (fd >= 0), ~0U, 0))
		return -errno;
	return 0;
}

static __attribute__((noreturn)) void run_child(slot_loopback_visit *visit, void *data, int fd)
{
	int err = let_go(fd);

	if (!err)
		err = unshare(CLONE_NEWNET) ? -errno : raise_loopback();
	stay_on_cpu();
	if (!err)
		err = visit(data);
	/* Numbers of errors fit. */
	_exit(-err > UCHAR_MAX ? UCHAR_MAX : -err);
}

/* Returns whether it ended in time. */
static bool has_ended(pid_t pid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int ready;

	if (pidfd < 0)
		return false;
	do {
		ready = poll(&ended, 1, SLOT_LOOPBACK_MS);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

int slot_loopback_run(slot_loopback_visit *visit, void *data, int fd, struct slot_reason *why)
{
	bool is_in_time;
	int status = 0;
	int err;
	pid_t pid = fork();

	if (pid < 0)
		return slot_reason_set(why, -errno, "cannot start a process: %s", strerror(errno));
	if (!pid)
		run_child(visit, data, fd);
	is_in_time = has_ended(pid);
	if (!is_in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!is_in_time)
		return slot_reason_set(why, -ETIMEDOUT, "not done after %d ms", SLOT_LOOPBACK_MS);
	if (!WIFEXITED(status))
		return slot_reason_set(why, -EPROTO, "the process died of signal %d",
				       WTERMSIG(status));
	err = -WEXITSTATUS(status);
	return err ? slot_reason_set(why, err, "%s", strerror(-err)) : 0;
}

/* --- its sockets ----------------------------------------------------------------------------- */

static int bind_socket(int fd, int prog_fd, struct sockaddr_in *address)
{
	static const int one = 1;
	socklen_t len = sizeof(*address);

	if (prog_fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		return -errno;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)address, sizeof(*address)) ||
	    getsockname(fd, (struct sockaddr *)address, &len))
		return -errno;
	return 0;
}

/* The program comes last: a socket that has one before it is bound can join no group (EADDRINUSE). */
int slot_loopback_bind(int type, int prog_fd, struct sockaddr_in *address)
{
	_cleanup_close_ int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : bind_socket(fd, prog_fd, address);

	if (!err && type == SOCK_STREAM && listen(fd, BACKLOG))
		err = -errno;
	if (!err && prog_fd >= 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &prog_fd, sizeof(prog_fd)))
		err = -errno;
	return err ? err : TAKE_FD(fd);
}

int slot_loopback_connect(int type, const struct sockaddr_in *address)
{
	_cleanup_close_ int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || (connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
		       errno != EINPROGRESS))
		return -errno;
	return TAKE_FD(fd);
}

int slot_loopback_await(int fd, int timeout_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int n = poll(&ready, 1, timeout_ms);

	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

int slot_loopback_settle(void)
{
	struct sockaddr_in address = { 0 };
	_cleanup_close_ int to = slot_loopback_bind(SOCK_DGRAM, -1, &address);
	_cleanup_close_ int from = to < 0 ? -1 : slot_loopback_connect(SOCK_DGRAM, &address);

	if (to < 0 || from < 0)
		return to < 0 ? to : from;
	if (send(from, "", 1, 0) != 1)
		return -errno;
	return slot_loopback_await(to, SETTLE_MS);
}
