/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/repair/handoff_client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/lib/handoff.h"
#include "programs/handoff/lib/handoff_order.h"

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

/* Returns the length; *ret_fd is -1 where none came along. A packet of no bytes may have some, too. */
static ssize_t take_order(int client, struct handoff_order *ret_order, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = ret_order, .iov_len = sizeof(*ret_order) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t len = recvmsg(client, &message, MSG_CMSG_CLOEXEC);

	*ret_fd = len < 0 ? -1 : take_descriptor(&message);
	return len;
}

/* Returns whether it can still be read. */
static bool answer(int client, int err, const char *text)
{
	struct handoff_answer answer = { .version = HANDOFF_ORDER_VERSION, .err = err };

	if (err)
		snprintf(answer.text, sizeof(answer.text), "%s", text);
	return send(client, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

void handoff_client_refuse(int fd, int err, const char *text)
{
	answer(fd, err, text);
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
		return "the service has no port=N for this port, or lacks CAP_NET_BIND_SERVICE";
	default:
		return strerror(-err);
	}
}

static bool may_bind(const struct handoff_client *client, const struct handoff_order *order)
{
	/* In both families the port is at the same place. */
	const struct sockaddr_in *local = (const struct sockaddr_in *)&order->local;

	for (size_t i = 0; i < client->port_count; i++)
		if (client->ports[i] == ntohs(local->sin_port))
			return true;
	return false;
}

static void close_now(int *fd)
{
	slot_cleanup_close(fd);
	*fd = -1;
}

static bool has_hung_up(int client)
{
	struct pollfd state = { .fd = client };

	return poll(&state, 1, 0) > 0 && (state.revents & POLLHUP);
}

/*
 * Returns whether @client stays. Who waited no longer takes its socket for what it was: then it is
 * not frozen, or thawed again. But for that the descriptor goes before the answer, so that the
 * application's close() is the last one.
 */
static bool serve(const struct handoff_client *client)
{
	struct handoff_order order = {},
			     undo = { .version = HANDOFF_ORDER_VERSION, .act = HANDOFF_LEAVE };
	_cleanup_close_ int fd = -1;
	ssize_t len = take_order(client->fd, &order, &fd);
	bool was_frozen;
	int err = -EINVAL;

	if (len <= 0 || has_hung_up(client->fd))
		return false;
	was_frozen = fd >= 0 && handoff_is_frozen(fd);
	if ((size_t)len == sizeof(order) && fd >= 0 && handoff_socket_family(fd))
		err = order.act == HANDOFF_CONNECT && !may_bind(client, &order) ?
			      -EACCES :
			      handoff_order_run(fd, &order);
	if (err || order.act != HANDOFF_ENTER || was_frozen)
		close_now(&fd);
	if (answer(client->fd, err, explain(err)))
		return true;
	if (fd >= 0)
		handoff_order_run(fd, &undo);
	return false;
}

void handoff_client_serve(const struct handoff_client *client)
{
	struct pollfd ready[] = {
		{ .fd = client->fd, .events = POLLIN },
		{ .fd = client->signal_fd, .events = POLLIN },
	};

	while (poll(ready, 2, -1) > 0 && !ready[1].revents && serve(client))
		;
}
