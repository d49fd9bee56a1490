/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "loader/lib/base/cleanup.h"

#define MEMORY_MAX (512UL << 20) /* bytes of address space */
#define FILES_MAX 64
#define OUTPUT_KEPT 256 /* bytes at the end of what it wrote */
#define READS_MAX 1024	/* of what is left in the pipe, which holds 64 KiB */
#define STATUS_NOT_RUN 127

long long slot_confined_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* --- whether it is safe to run --------------------------------------------------------------- */

static int judge_place(const char *path, uid_t uid, struct slot_reason *why)
{
	struct stat st;
	bool is_folder;

	if (stat(path, &st))
		return slot_reason_set(why, -errno, "cannot look at '%s': %s", path,
				       strerror(errno));
	is_folder = S_ISDIR(st.st_mode);
	if (st.st_uid != 0 && st.st_uid != uid)
		return slot_reason_set(why, -EACCES,
				       "'%s' belongs to uid %u: it must be root's or uid %u's",
				       path, (unsigned int)st.st_uid, (unsigned int)uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH) && !(is_folder && st.st_mode & S_ISVTX))
		return slot_reason_set(why, -EACCES,
				       "'%s' may be written by others than its owner (mode %04o)",
				       path, (unsigned int)(st.st_mode & 07777));
	return 0;
}

/* Whoever may write a folder on the way may put another program there. */
static int judge_way(const char *path, uid_t uid, struct slot_reason *why)
{
	char part[PATH_MAX];
	size_t i;
	int err = judge_place("/", uid, why);

	for (i = 1; path[i - 1] && !err; i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		err = judge_place(part, uid, why);
		if (!path[i])
			break;
	}
	return err;
}

static int find_file(const struct slot_confined *confined, char *ret_path, struct slot_reason *why)
{
	struct stat st;
	int err;

	if (confined->path[0] != '/')
		return slot_reason_set(why, -EACCES, "'%s' is no absolute path", confined->path);
	if (!realpath(confined->path, ret_path))
		return slot_reason_set(why, -errno, "there is no '%s': %s", confined->path,
				       strerror(errno));
	err = judge_way(ret_path, confined->identity->uid, why);
	if (err)
		return err;
	if (stat(ret_path, &st) || !S_ISREG(st.st_mode))
		return slot_reason_set(why, -EACCES, "'%s' is no file to run", ret_path);
	return 0;
}

/* --- in the child: only system calls ---------------------------------------------------------- */

static bool set_limit(__rlimit_resource_t resource, rlim_t limit)
{
	struct rlimit rlimit = { .rlim_cur = limit, .rlim_max = limit };

	return !setrlimit(resource, &rlimit);
}

/* Nothing that an exec could bring back: with an empty bounding set not even root has any. */
static bool drop_bounding_set(uid_t uid)
{
	unsigned long cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && !uid)
			return false;
	return true;
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) &&
	       !syscall(SYS_capset, &header, none);
}

static bool become(const struct slot_identity *identity)
{
	return drop_bounding_set(identity->uid) &&
	       !setgroups(identity->group_count, identity->groups) &&
	       !setresgid(identity->gid, identity->gid, identity->gid) &&
	       !setresuid(identity->uid, identity->uid, identity->uid) && drop_capabilities() &&
	       !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/* After the change of user: a limit on processes below what the user runs would refuse the exec. */
static bool set_limits(void)
{
	return set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_FSIZE, 0) &&
	       set_limit(RLIMIT_NOFILE, FILES_MAX) && set_limit(RLIMIT_AS, MEMORY_MAX) &&
	       set_limit(RLIMIT_NPROC, 0);
}

static bool place_fds(const struct slot_confined *confined, int output)
{
	int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int first = fcntl(confined->fds[0], F_DUPFD_CLOEXEC, FILES_MAX / 2);
	int second = fcntl(confined->fds[1], F_DUPFD_CLOEXEC, FILES_MAX / 2);
	int out = fcntl(output, F_DUPFD_CLOEXEC, FILES_MAX / 2);

	return input >= 0 && first >= 0 && second >= 0 && out >= 0 && dup2(input, 0) == 0 &&
	       dup2(out, 1) == 1 && dup2(out, 2) == 2 &&
	       dup2(first, SLOT_CONFINED_FD) == SLOT_CONFINED_FD &&
	       dup2(second, SLOT_CONFINED_FD + 1) == SLOT_CONFINED_FD + 1 &&
	       !close_range(SLOT_CONFINED_FD + 2, ~0U, 0);
}

static void reset_signals(void)
{
	sigset_t none;
	int number;

	for (number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run_child(const struct slot_confined *confined, const char *path, int output)
	__attribute__((noreturn));

static void run_child(const struct slot_confined *confined, const char *path, int output)
{
	char first[2] = { '0' + SLOT_CONFINED_FD, '\0' };
	char second[2] = { '0' + SLOT_CONFINED_FD + 1, '\0' };
	char *argv[] = { (char *)path, (char *)confined->argument, first, second, NULL };
	char *envp[] = { "PATH=/usr/local/bin:/usr/bin:/bin", NULL };

	reset_signals();
	setsid();
	umask(077);
	if (!chdir("/") && place_fds(confined, output) && become(confined->identity) &&
	    set_limits())
		execve(path, argv, envp);
	dprintf(1, "%s\n", strerror(errno));
	_exit(STATUS_NOT_RUN);
}

/* --- in the parent --------------------------------------------------------------------------- */

/* A running child: its process, its output and the end of what it said. */
struct child {
	pid_t pid;
	int pidfd;
	int output;
	char kept[OUTPUT_KEPT + 1];
	size_t used;
	bool is_late;
};

/* Returns what read() does; keeps the end. */
static ssize_t read_output(struct child *child)
{
	char bytes[OUTPUT_KEPT];
	ssize_t n = read(child->output, bytes, sizeof(bytes));
	size_t over;

	if (n <= 0)
		return n;
	over = child->used + (size_t)n > OUTPUT_KEPT ? child->used + (size_t)n - OUTPUT_KEPT : 0;
	memmove(child->kept, child->kept + over, child->used - over);
	child->used -= over;
	memcpy(child->kept + child->used, bytes, (size_t)n);
	child->used += (size_t)n;
	return n;
}

/* Until it ended or its time is over; it may write for ever, or hand its output to others. */
static void watch(struct child *child, long long deadline_ms)
{
	struct pollfd fds[] = { { .fd = child->pidfd, .events = POLLIN },
				{ .fd = child->output, .events = POLLIN } };
	unsigned int i;

	while (!(fds[0].revents & POLLIN)) {
		long long left = deadline_ms - slot_confined_now_ms();

		if (left <= 0) {
			child->is_late = true;
			break;
		}
		if (poll(fds, 2, left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR)
			break;
		if (fds[1].revents && !read_output(child))
			fds[1].fd = -1; /* closed by all who had it */
	}
	/* Also what it left behind; until it is waited for its number is nobody else's. */
	kill(-child->pid, SIGKILL);
	kill(child->pid, SIGKILL);
	for (i = 0; i < READS_MAX && read_output(child) > 0; i++)
		;
}

static const char *find_last_line(struct child *child)
{
	char *end = child->kept + child->used;
	char *c;

	while (end > child->kept && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	*end = '\0';
	for (c = child->kept; c < end; c++)
		if (*c != '\n' && (*c < ' ' || *c > '~'))
			*c = '?';
	c = strrchr(child->kept, '\n');
	return c ? c + 1 : child->kept;
}

static int judge_end(struct child *child, const char *path, int status, struct slot_reason *why)
{
	const char *said = find_last_line(child);
	const char *colon = *said ? ": " : "";

	if (child->is_late)
		return slot_reason_set(why, -EPROTO, "'%s' did not end in time and was killed%s%s",
				       path, colon, said);
	if (WIFSIGNALED(status))
		return slot_reason_set(why, -EPROTO, "'%s' died of signal %d (%s)%s%s", path,
				       WTERMSIG(status), strsignal(WTERMSIG(status)), colon, said);
	if (WEXITSTATUS(status) == STATUS_NOT_RUN)
		return slot_reason_set(why, -EPROTO, "'%s' cannot be run%s%s", path, colon, said);
	if (WEXITSTATUS(status))
		return slot_reason_set(why, -EPROTO, "'%s' failed with exit status %d%s%s", path,
				       WEXITSTATUS(status), colon, said);
	return 0;
}

static int follow_child(const struct slot_confined *confined, pid_t pid, int output,
			struct slot_reason *why)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct child child = { .pid = pid, .pidfd = pidfd, .output = output };
	int status = 0;
	int err = pidfd < 0 ? -errno : 0;

	if (err)
		kill(pid, SIGKILL);
	else
		watch(&child, confined->deadline_ms);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return err ? slot_reason_set(why, err, "cannot watch '%s': %s", confined->path,
				     strerror(-err)) :
		     judge_end(&child, confined->path, status, why);
}

int slot_confined_run(const struct slot_confined *confined, struct slot_reason *why)
{
	_cleanup_close_ int output = -1;
	_cleanup_close_ int child_output = -1;
	char path[PATH_MAX];
	int pipe_fds[2];
	pid_t pid;
	int err = find_file(confined, path, why);

	if (err)
		return err;
	if (pipe2(pipe_fds, O_CLOEXEC))
		return slot_reason_set(why, -errno, "cannot run '%s': %s", path, strerror(errno));
	output = pipe_fds[0];
	child_output = pipe_fds[1];
	fcntl(output, F_SETFL, O_NONBLOCK);
	pid = fork();
	if (pid < 0)
		return slot_reason_set(why, -errno, "cannot run '%s': %s", path, strerror(errno));
	if (!pid)
		run_child(confined, path, child_output);
	return follow_child(confined, pid, output, why);
}
