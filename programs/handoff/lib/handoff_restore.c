/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include <linux/tcp.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/lib/handoff_handle.h"
#include "programs/handoff/lib/handoff_repair.h"
#include "programs/handoff/lib/handoff_socket.h"

/* The end that the peer sent comes to no socket again: so long its own end is waited for. */
#define LINGER_S 2

/* What TCP_MAXSEG takes: TCP_MIN_MSS and MAX_TCP_WINDOW of the kernel. */
#define MSS_MIN 88
#define MSS_MAX 32767

static int choose_local(const struct handoff_state *state, const struct sockaddr *local,
			struct slot_reason *why, struct sockaddr_storage *ret_local)
{
	int family = state->local.ss_family;

	*ret_local = state->local;
	if (!local)
		return 0;
	if (local->sa_family != family)
		return slot_reason_set(why, -EAFNOSUPPORT,
				       "a connection of %s needs a local address of the same",
				       family == AF_INET6 ? "IPv6" : "IPv4");
	memcpy(ret_local, local, handoff_family_size(family));
	return 0;
}

static uint32_t half_of(uint64_t room)
{
	return room / 2 < HANDOFF_BUFFER_MAX ? (uint32_t)(room / 2) : HANDOFF_BUFFER_MAX;
}

/*
 * Room for what is queued, however much of it a byte takes here, and for what the peer was told it
 * may send.
 */
static int make_room(struct handoff *h, int fd, const struct handoff_state *state)
{
	struct handoff_order order = { .act = HANDOFF_BUFFERS };
	uint64_t send = 2 * (uint64_t)state->send.len;
	int send_has, recv_has;
	int err = handoff_socket_get(fd, SOL_SOCKET, SO_SNDBUF, &send_has);

	err = err ? err : handoff_socket_get(fd, SOL_SOCKET, SO_RCVBUF, &recv_has);
	if (err)
		return slot_reason_set(&h->why, err, "SO_SNDBUF: %s", strerror(-err));
	if (send > (uint64_t)send_has)
		order.send_room = half_of(send);
	if (state->recv_room > (uint32_t)recv_has)
		order.recv_room = half_of(state->recv_room);
	if (!order.send_room && !order.recv_room)
		return 0;
	return handoff_handle_order(h, fd, &order, "make room for");
}

/*
 * No more is to be queued than was before, or a connection that moves often would carry more
 * each time. Free to grow again, as the kernel sees fit.
 */
static void lower_room(int fd, const struct handoff_state *state)
{
	int has;

	if (handoff_socket_get(fd, SOL_SOCKET, SO_SNDBUF, &has) ||
	    state->send_room >= (uint32_t)has)
		return;
	handoff_socket_set(fd, SOL_SOCKET, SO_SNDBUF, (int)(state->send_room / 2));
	handoff_socket_set(fd, SOL_SOCKET, SO_BUF_LOCK, 0);
}

/* By itself where that is allowed; a port below 1024 is the agent's to bind. */
static int connect_frozen(struct handoff *h, int fd, const struct handoff_state *state,
			  const struct sockaddr_storage *local)
{
	socklen_t len = handoff_family_size(local->ss_family);
	struct handoff_order order = {
		.act = HANDOFF_CONNECT,
		.local = *local,
		.peer = state->peer,
	};

	if (bind(fd, (const struct sockaddr *)local, len)) {
		if (errno == EACCES)
			return handoff_handle_order(h, fd, &order, "bind");
	} else if (!connect(fd, (const struct sockaddr *)&state->peer, len)) {
		return 0;
	}
	return slot_reason_set(&h->why, -errno, "cannot restore the connection here: %s",
			       strerror(errno));
}

/*
 * A socket that connects without a SYN-ACK sends segments of 536 bytes for good, whatever
 * TCP_REPAIR_OPTIONS says of the peer's maximum later, unless it has one of its own by then.
 */
static void set_mss(int fd, uint32_t mss)
{
	if (mss && mss < MSS_MIN)
		return;
	handoff_socket_set(fd, IPPROTO_TCP, TCP_MAXSEG, mss < MSS_MAX ? (int)mss : MSS_MAX);
}

static int connect_here(struct handoff *h, int fd, const struct handoff_state *state,
			const struct sockaddr_storage *local)
{
	int err;

	set_mss(fd, state->mss);
	err = connect_frozen(h, fd, state, local);
	set_mss(fd, 0);
	return err;
}

/* To whoever reads it has an end, and to the kernel it is a connection whose peer is silent. */
static int put_end(int fd, const struct handoff_state *state, struct slot_reason *why)
{
	if (!state->is_peer_closed)
		return 0;
	if (shutdown(fd, SHUT_RD) || handoff_socket_set(fd, IPPROTO_TCP, TCP_LINGER2, LINGER_S))
		return slot_reason_set(why, -errno, "cannot set the peer's end: %s",
				       strerror(errno));
	return 0;
}

int handoff_restore(struct handoff *h, const struct handoff_state *state,
		    const struct sockaddr *local, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct handoff_order enter = { .act = HANDOFF_ENTER };
	struct sockaddr_storage where;
	int err = choose_local(state, local, &h->why, &where);

	if (err)
		return err;
	fd = socket(state->local.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return slot_reason_set(&h->why, -errno, "socket: %s", strerror(errno));
	err = handoff_handle_order(h, fd, &enter, "freeze");
	err = err ? err : make_room(h, fd, state);
	err = err ? err : handoff_repair_begin(fd, state, &h->why);
	err = err ? err : connect_here(h, fd, state, &where);
	if (!err)
		handoff_options_put(fd, state);
	err = err ? err : handoff_repair_fill(fd, state, &h->why);
	err = err ? err : handoff_tls_put(fd, state, &h->why);
	err = err ? err : put_end(fd, state, &h->why);
	if (err)
		return err;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/*
 * It was never sent, so it is not for the queue of what was. What was goes by itself: in one
 * segment with more it might have no room in the peer's window.
 */
static int send_rest(int fd, const struct handoff_state *state, uint32_t done,
		     struct slot_reason *why)
{
	uint32_t again = state->send.len - state->unsent, end;
	ssize_t sent;

	while (done < state->send.len) {
		end = done < again ? again : state->send.len;
		sent = send(fd, state->send.bytes + done, end - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent <= 0)
			return slot_reason_set(why, sent ? -errno : -ENOBUFS,
					       "cannot send what was not sent, %u bytes: %s",
					       state->send.len - done, strerror(errno));
		done += (uint32_t)sent;
	}
	return 0;
}

int handoff_resume(struct handoff *h, const struct handoff_state *state, int fd)
{
	struct handoff_order leave = { .act = HANDOFF_LEAVE };
	uint32_t filled = 0;
	int err = handoff_repair_filled(fd, state, &filled);

	if (err)
		return slot_reason_set(&h->why, err, "TCP_QUEUE_SEQ: %s", strerror(-err));
	err = handoff_repair_complete(fd, state, &filled, &h->why);
	if (err)
		return err;
	/* handoff_repair_fill() has left a byte out: it asks what a window probe asks. */
	if (filled < state->send.len - state->unsent) {
		leave.act = HANDOFF_LEAVE_QUIETLY;
		handoff_socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	}
	err = handoff_handle_order(h, fd, &leave, "thaw");
	err = err ? err : send_rest(fd, state, filled, &h->why);
	handoff_socket_set(fd, IPPROTO_TCP, TCP_NODELAY, state->options[HANDOFF_NODELAY]);
	if (!err && state->send.len)
		lower_room(fd, state);
	return err;
}

int handoff_probe(struct handoff *h, int fd)
{
	struct handoff_order leave = { .act = HANDOFF_LEAVE }, enter = { .act = HANDOFF_ENTER };
	int err = handoff_handle_order(h, fd, &leave, "thaw");

	return err ? err : handoff_handle_order(h, fd, &enter, "freeze");
}
