/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/repair/handoff_service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/lib/handoff_order.h"

#define BACKLOG 64
/* Whoever may not ask is told so: that is better than a connect() that is refused. */
#define MODE 0666

static int open_signals(struct handoff_service *service, struct slot_reason *why)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	service->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return service->signal_fd < 0 ?
		       slot_reason_set(why, -errno, "signalfd: %s", strerror(errno)) :
		       0;
}

/* One that a service left which was killed. */
static int remove_stale(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return errno == ENOENT ? 0 : -EADDRINUSE;
	return unlink(address->sun_path) ? -errno : 0;
}

int handoff_service_open(struct handoff_service *service, struct slot_reason *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int err;

	service->listener = service->signal_fd = -1;
	service->client_count = 0;
	if (strlen(service->path) >= sizeof(address.sun_path))
		return slot_reason_set(why, -ENAMETOOLONG, "'%s' is too long for a socket",
				       service->path);
	strcpy(address.sun_path, service->path);
	err = remove_stale(&address);
	if (!err)
		service->listener =
			socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!err && (service->listener < 0 ||
		     bind(service->listener, (struct sockaddr *)&address, sizeof(address)) ||
		     chmod(service->path, MODE) || listen(service->listener, BACKLOG)))
		err = -errno;
	if (err)
		return slot_reason_set(why, err, "cannot listen at '%s': %s", service->path,
				       err == -EADDRINUSE ? "another service does" :
							    strerror(-err));
	return open_signals(service, why);
}

void handoff_service_close(struct handoff_service *service)
{
	while (service->client_count)
		close(service->clients[--service->client_count]);
	if (service->listener >= 0)
		unlink(service->path);
	slot_cleanup_close(&service->listener);
	slot_cleanup_close(&service->signal_fd);
}

/* --- one order --------------------------------------------------------------------------------- */

static bool is_obeyed(const struct handoff_service *service, int client, uid_t *ret_uid)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	bool is_user;

	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	*ret_uid = peer.uid;
	is_user = !peer.uid;
	for (size_t i = 0; !is_user && i < service->user_count; i++)
		is_user = service->users[i] == peer.uid;
	return is_user;
}

/* The first descriptor of @message is the caller's; any other is closed. */
static int take_descriptor(struct msghdr *message)
{
	int taken = -1, fd;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + CMSG_LEN(sizeof(fd)) <= part->cmsg_len; at += sizeof(fd)) {
			memcpy(&fd, CMSG_DATA(part) + at, sizeof(fd));
			if (taken < 0)
				taken = fd;
			else
				close(fd);
		}
	}
	return taken;
}

static const char *explain(int err)
{
	switch (err) {
	case -EINVAL:
		return "this is no order, or the descriptor no socket of TCP";
	case -EPERM:
		return "the kernel refuses: the service lacks CAP_NET_ADMIN there, or the socket "
		       "listens";
	case -EACCES:
		return "the kernel refuses: the service lacks CAP_NET_BIND_SERVICE";
	default:
		return strerror(-err);
	}
}

static void answer(int client, int err, const char *text)
{
	struct handoff_answer answer = { .version = HANDOFF_ORDER_VERSION, .err = err };

	if (err)
		snprintf(answer.text, sizeof(answer.text), "%s", text);
	/* Who does not read its answers gets no more of them. */
	(void)!send(client, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Returns whether @client stays. */
static bool serve(const struct handoff_service *service, int client)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct handoff_order order = {};
	struct iovec part = { .iov_base = &order, .iov_len = sizeof(order) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t len = recvmsg(client, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	_cleanup_close_ int fd = len > 0 ? take_descriptor(&message) : -1;
	char refusal[128];
	uid_t uid = 0;
	int err;

	if (len <= 0)
		return len < 0 && errno == EAGAIN;
	if (!is_obeyed(service, client, &uid)) {
		snprintf(refusal, sizeof(refusal), "user %u is none of those who may ask", uid);
		answer(client, -EPERM, refusal);
		return true;
	}
	err = (size_t)len == sizeof(order) && fd >= 0 ? handoff_order_run(fd, &order) : -EINVAL;
	answer(client, err, explain(err));
	return true;
}

/* --- all of them ------------------------------------------------------------------------------- */

static void take_client(struct handoff_service *service)
{
	int client = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (client >= 0)
		service->clients[service->client_count++] = client;
}

/* From the last, so that whoever takes a leaver's place was served already. */
static void serve_ready(struct handoff_service *service, const struct pollfd *ready)
{
	for (size_t i = service->client_count; i-- > 0;) {
		if (!ready[i].revents || serve(service, service->clients[i]))
			continue;
		close(service->clients[i]);
		service->clients[i] = service->clients[--service->client_count];
	}
}

int handoff_service_run(struct handoff_service *service, struct slot_reason *why)
{
	struct pollfd ready[2 + HANDOFF_SERVICE_CLIENTS];

	for (;;) {
		bool is_full = service->client_count == HANDOFF_SERVICE_CLIENTS;

		ready[0] = (struct pollfd){ .fd = service->signal_fd, .events = POLLIN };
		ready[1] =
			(struct pollfd){ .fd = is_full ? -1 : service->listener, .events = POLLIN };
		for (size_t i = 0; i < service->client_count; i++)
			ready[2 + i] =
				(struct pollfd){ .fd = service->clients[i], .events = POLLIN };
		if (poll(ready, 2 + service->client_count, -1) < 0 && errno != EINTR)
			return slot_reason_set(why, -errno, "poll: %s", strerror(errno));
		if (ready[0].revents)
			return 0;
		serve_ready(service, &ready[2]);
		if (ready[1].revents)
			take_client(service);
	}
}
