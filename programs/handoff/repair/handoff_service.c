/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/repair/handoff_service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/repair/handoff_client.h"
#include "programs/shared/signals.h"

#define BACKLOG 64
/* Whoever may not ask is told so: that is better than a connect() that is refused. */
#define MODE 0666
/* After which another client is taken, when descriptors or processes have run out. */
#define RETRY_MS 100
#define LOCK_SUFFIX ".lock"
#define LEFT_MS 1000
#define LEFT_STEP_MS 10

/* Nothing that is no socket is replaced, nor a lock made beside it. */
static int check_place(const char *path)
{
	struct stat found;

	return lstat(path, &found) || S_ISSOCK(found.st_mode) ? 0 : -EEXIST;
}

/*
 * Held from before the socket is looked at until it is gone. A lock of this process: those of its
 * clients, which end a moment after it, do not have it. The file stays: who has
 * opened it may lock it next.
 */
static int lock_path(struct handoff_service *service)
{
	const struct flock whole = { .l_type = F_WRLCK };
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(LOCK_SUFFIX)];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "%s" LOCK_SUFFIX, service->path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETLK, &whole))
		return errno == EAGAIN || errno == EACCES ? -EADDRINUSE : -errno;
	service->lock = TAKE_FD(fd);
	return 0;
}

static int ask_if_served(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -EADDRINUSE;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -EADDRINUSE;
}

/* One that a service left which was killed; a process of its last client's may yet have it open. */
static int remove_stale(const struct sockaddr_un *address)
{
	int err = -EADDRINUSE;

	for (int i = 0; err == -EADDRINUSE && i < LEFT_MS; i += LEFT_STEP_MS) {
		poll(NULL, 0, i ? LEFT_STEP_MS : 0);
		err = ask_if_served(address);
	}
	return err || !unlink(address->sun_path) || errno == ENOENT ? err : -errno;
}

static int listen_at(struct handoff_service *service, const struct sockaddr_un *address)
{
	service->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (service->listener < 0 ||
	    bind(service->listener, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	service->is_bound = true;
	return chmod(service->path, MODE) || listen(service->listener, BACKLOG) ? -errno : 0;
}

int handoff_service_open(struct handoff_service *service, struct slot_reason *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int err;

	service->listener = service->signal_fd = service->lock = service->waiting = -1;
	service->is_bound = false;
	service->client_count = 0;
	if (strlen(service->path) >= sizeof(address.sun_path))
		return slot_reason_set(why, -ENAMETOOLONG, "'%s' is too long for a socket",
				       service->path);
	strcpy(address.sun_path, service->path);
	signal(SIGCHLD, SIG_DFL);
	/* First: who is told to end once it listens takes its socket away. */
	err = program_signals_open(SIGCHLD, why, &service->signal_fd);
	if (err)
		return err;
	err = check_place(service->path);
	err = err ? err : lock_path(service);
	err = err ? err : remove_stale(&address);
	err = err ? err : listen_at(service, &address);
	if (err)
		return slot_reason_set(why, err, "cannot listen at '%s': %s", service->path,
				       err == -EADDRINUSE ? "another service does" :
				       err == -EEXIST	  ? "what is there is no socket" :
							    strerror(-err));
	return 0;
}

void handoff_service_close(struct handoff_service *service)
{
	while (service->client_count)
		kill(service->clients[--service->client_count].pid, SIGTERM);
	if (service->is_bound)
		unlink(service->path);
	slot_cleanup_close(&service->listener);
	slot_cleanup_close(&service->signal_fd);
	slot_cleanup_close(&service->lock);
}

/* --- one client -------------------------------------------------------------------------------- */

static bool is_obeyed(const struct handoff_service *service, uid_t uid)
{
	for (size_t i = 0; i < service->user_count; i++)
		if (service->users[i] == uid)
			return true;
	return !uid;
}

static size_t count_clients(const struct handoff_service *service, bool is_refused, uid_t uid)
{
	size_t count = 0;

	for (size_t i = 0; i < service->client_count; i++)
		count += service->clients[i].is_refused == is_refused &&
			 (is_refused || service->clients[i].uid == uid);
	return count;
}

/* Returns 0, or why @uid is refused. */
static int judge(const struct handoff_service *service, uid_t uid, struct slot_reason *why)
{
	if (!is_obeyed(service, uid))
		return slot_reason_set(why, -EPERM, "user %u is none of those who may ask", uid);
	if (count_clients(service, false, uid) == HANDOFF_SERVICE_OF_USER)
		return slot_reason_set(why, -EBUSY, "user %u has %d connections to it already", uid,
				       HANDOFF_SERVICE_OF_USER);
	return 0;
}

/* In the client's process. @gone: at its end when the service has closed its own descriptor. */
static _Noreturn void be_client(const struct handoff_client *client, int gone, int err,
				const struct slot_reason *why)
{
	char byte;

	(void)!read(gone, &byte, 1);
	if (err)
		handoff_client_refuse(client->fd, err, why->text);
	else
		handoff_client_serve(client);
	_exit(EXIT_SUCCESS);
}

/*
 * Takes @fd, where it returns 0: its process has it longer than this one, where the last close()
 * might wait.
 */
static int start_client(struct handoff_service *service, int fd, uid_t uid)
{
	/* Closed after @fd, from the last to the first. */
	_cleanup_close_ int going = -1, gone = -1;
	const struct handoff_client client = { .fd = fd,
					       .signal_fd = service->signal_fd,
					       .ports = service->ports,
					       .port_count = service->port_count };
	struct slot_reason why;
	int err = judge(service, uid, &why), ends[2];
	pid_t self = getpid(), pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	gone = ends[0];
	going = ends[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* It, too, sees the signal by signal_fd, after an order. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != self)
			_exit(EXIT_FAILURE);
		close(going);
		close(service->listener);
		be_client(&client, gone, err, &why);
	}
	service->clients[service->client_count++] =
		(struct handoff_service_client){ .pid = pid, .uid = uid, .is_refused = err };
	close(fd);
	return 0;
}

/* Returns 0 or -errno: another one cannot be taken now. */
static int take_client(struct handoff_service *service)
{
	int client = service->waiting >= 0 ? service->waiting :
					     accept4(service->listener, NULL, NULL, SOCK_CLOEXEC);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	int err;

	if (client < 0)
		return errno == EAGAIN || errno == ECONNABORTED ? 0 : -errno;
	/* Whose it is not known is refused. */
	(void)!getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	err = start_client(service, client, peer.uid);
	service->waiting = err ? client : -1;
	return err;
}

/* --- all of them ------------------------------------------------------------------------------- */

static void forget_client(struct handoff_service *service, pid_t pid)
{
	for (size_t i = 0; i < service->client_count; i++) {
		if (service->clients[i].pid != pid)
			continue;
		service->clients[i] = service->clients[--service->client_count];
		return;
	}
}

/* Returns whether the service goes on. */
static bool take_signal(struct handoff_service *service)
{
	struct signalfd_siginfo info;
	pid_t pid;

	if (read(service->signal_fd, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo != SIGCHLD)
		return false;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		forget_client(service, pid);
	return true;
}

int handoff_service_run(struct handoff_service *service, struct slot_reason *why)
{
	int err = 0;

	for (;;) {
		bool is_full = count_clients(service, true, 0) == HANDOFF_SERVICE_REFUSED;
		struct pollfd ready[] = {
			{ .fd = service->signal_fd, .events = POLLIN },
			{ .fd = is_full || err ? -1 : service->listener, .events = POLLIN },
		};

		if (poll(ready, 2, err || service->waiting >= 0 ? RETRY_MS : -1) < 0 &&
		    errno != EINTR)
			return slot_reason_set(why, -errno, "poll: %s", strerror(errno));
		if (ready[0].revents && !take_signal(service))
			return 0;
		err = ready[1].revents || (service->waiting >= 0 && !is_full) ?
			      take_client(service) :
			      0;
	}
}
