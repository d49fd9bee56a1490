/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/lib/handoff_order.h"

#include <errno.h>

#include <netinet/in.h>

#include <linux/tcp.h>

#include "programs/handoff/lib/handoff.h"
#include "programs/handoff/lib/handoff_socket.h"

int handoff_socket_family(int fd)
{
	socklen_t len = sizeof(int);
	int protocol = 0, domain = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len))
		return 0;
	return protocol == IPPROTO_TCP && (domain == AF_INET || domain == AF_INET6) ? domain : 0;
}

bool handoff_is_frozen(int fd)
{
	socklen_t len = sizeof(int);
	int repair = 0;

	return !getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &repair, &len) && repair;
}

/*
 * Who leaves repair has SO_REUSEADDR no more, which an accepted socket has of its listener:
 * without it no other could listen at that port until this connection is over.
 */
static int leave(int fd, int how)
{
	int err = handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR, how);

	return err ? err : handoff_socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

/* The kernel doubles what it is given; with a size that is locked it would no more grow. */
static int make_room(int fd, uint32_t send_room, uint32_t recv_room)
{
	int err = 0;

	if (send_room > HANDOFF_BUFFER_MAX || recv_room > HANDOFF_BUFFER_MAX)
		return -EINVAL;
	if (send_room)
		err = handoff_socket_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)send_room);
	if (!err && recv_room)
		err = handoff_socket_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)recv_room);
	return err ? err : handoff_socket_set(fd, SOL_SOCKET, SO_BUF_LOCK, 0);
}

socklen_t handoff_family_size(int family)
{
	return family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/*
 * Both at once. That is no safeguard: connect() to AF_UNSPEC ends the connection and leaves the
 * port, to listen at; so the service does this for the ports alone that it is given.
 */
static int make_connection(int fd, const struct handoff_order *order)
{
	const struct sockaddr *local = (const struct sockaddr *)&order->local;
	const struct sockaddr *peer = (const struct sockaddr *)&order->peer;
	socklen_t size;

	if (!handoff_is_frozen(fd) || local->sa_family != peer->sa_family ||
	    (local->sa_family != AF_INET && local->sa_family != AF_INET6))
		return -EINVAL;
	size = handoff_family_size(local->sa_family);
	return bind(fd, local, size) || connect(fd, peer, size) ? -errno : 0;
}

int handoff_order_run(int fd, const struct handoff_order *order)
{
	if (order->version != HANDOFF_ORDER_VERSION)
		return -EINVAL;
	switch (order->act) {
	case HANDOFF_ENTER:
		return handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	case HANDOFF_LEAVE:
		return leave(fd, TCP_REPAIR_OFF);
	case HANDOFF_LEAVE_QUIETLY:
		return leave(fd, TCP_REPAIR_OFF_NO_WP);
	case HANDOFF_BUFFERS:
		return make_room(fd, order->send_room, order->recv_room);
	case HANDOFF_CONNECT:
		return make_connection(fd, order);
	default:
		return -EINVAL;
	}
}
