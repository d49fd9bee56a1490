/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#include "programs/handoff/lib/handoff_repair.h"
#include "programs/handoff/lib/handoff_socket.h"

#define TRIES 3

/* What changes with each packet that still comes in. */
struct position {
	uint32_t send_next; /* of the next byte that is written */
	uint32_t recv_next;
	int outstanding; /* bytes: written, but not acknowledged */
	int unsent;	 /* of those */
	int unread;
};

static int read_sequence(int fd, int queue, uint32_t *ret_seq)
{
	int seq, err = handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);

	err = err ? err : handoff_socket_get(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq);
	if (!err)
		*ret_seq = (uint32_t)seq;
	return err;
}

/*
 * The send queue is the one that is chosen when this is over: for as long as it is, timers (of
 * pacing, of small queues) send nothing of what waits. While another one is they do, and the
 * numbers read before and after that differ.
 */
static int read_position(int fd, struct position *ret_position, struct slot_reason *why)
{
	struct position at;
	int err = read_sequence(fd, TCP_RECV_QUEUE, &at.recv_next);

	err = err ? err : read_sequence(fd, TCP_SEND_QUEUE, &at.send_next);
	if (!err && (ioctl(fd, SIOCOUTQ, &at.outstanding) || ioctl(fd, SIOCOUTQNSD, &at.unsent) ||
		     ioctl(fd, SIOCINQ, &at.unread)))
		err = -errno;
	if (err)
		return slot_reason_set(why, err, "cannot read the connection's numbers: %s",
				       strerror(-err));
	*ret_position = at;
	return 0;
}

static int read_queue(int fd, int name, int len, struct handoff_queue *queue,
		      struct slot_reason *why)
{
	ssize_t got;
	int err;

	handoff_queue_free(queue);
	if (!len)
		return 0;
	if (len > HANDOFF_QUEUE_MAX)
		return slot_reason_set(why, -EFBIG,
				       "%d bytes are queued, more than the %d that are moved", len,
				       HANDOFF_QUEUE_MAX);
	queue->bytes = malloc((size_t)len);
	if (!queue->bytes)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	queue->len = (uint32_t)len;
	err = handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, name);
	got = err ? -1 : recv(fd, queue->bytes, (size_t)len, MSG_PEEK | MSG_DONTWAIT);
	if (got == len)
		return 0;
	err = err ? err : got < 0 ? -errno : -EAGAIN;
	return slot_reason_set(why, err, "cannot read what is queued: %zd of %d bytes: %s", got,
			       len, strerror(-err));
}

/*
 * Queues under kTLS cannot be read, and a record that is there in part is of no use: its other
 * part comes to a socket that has not seen this one. What the kernel has decrypted and nobody
 * read shows in poll() alone.
 */
static int check_records(int fd, const struct position *at, struct slot_reason *why)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	if (at->outstanding)
		return slot_reason_set(why, -EAGAIN,
				       "%d bytes of kTLS are not acknowledged: try again",
				       at->outstanding);
	if (at->unread)
		return slot_reason_set(
			why, -EAGAIN,
			"%d bytes of kTLS are not read, or are no whole record: read, "
			"and try again",
			at->unread);
	if (poll(&readable, 1, 0) && readable.revents & POLLIN)
		return slot_reason_set(
			why, -EAGAIN,
			"a record of kTLS is not read to its end: read, and try again");
	return 0;
}

static int take_queues(int fd, const struct position *at, struct handoff_state *state,
		       struct slot_reason *why)
{
	int err;

	if (state->has_tls)
		return check_records(fd, at, why);
	err = read_queue(fd, TCP_RECV_QUEUE, at->unread, &state->recv, why);
	return err ? err : read_queue(fd, TCP_SEND_QUEUE, at->outstanding, &state->send, why);
}

static bool is_same(const struct position *a, const struct position *b)
{
	return a->send_next == b->send_next && a->recv_next == b->recv_next &&
	       a->outstanding == b->outstanding && a->unsent == b->unsent && a->unread == b->unread;
}

/* Packets that were on their way up when the peer was blocked: there are none after a moment. */
static int take_steadily(int fd, struct handoff_state *state, struct slot_reason *why)
{
	struct position before, after;
	int err = read_position(fd, &before, why);

	for (int i = 0; !err && i < TRIES; i++) {
		err = take_queues(fd, &before, state, why);
		err = err ? err : read_position(fd, &after, why);
		if (err)
			return err;
		if (is_same(&before, &after)) {
			state->send_seq = after.send_next - (uint32_t)after.outstanding;
			state->recv_seq = after.recv_next;
			state->unsent = (uint32_t)after.unsent;
			return 0;
		}
		before = after;
	}
	return err ? err :
		     slot_reason_set(
			     why, -EAGAIN,
			     "packets of the peer still come in: it is to be blocked first");
}

static int take_window(int fd, struct handoff_state *state, struct slot_reason *why)
{
	struct tcp_repair_window window;
	socklen_t len = sizeof(window);

	if (getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, &len))
		return slot_reason_set(why, -errno, "cannot read the windows: %s", strerror(errno));
	state->window_from = window.snd_wl1;
	state->send_window = window.snd_wnd;
	state->send_window_max = window.max_window;
	state->recv_window = window.rcv_wnd;
	state->recv_window_from = window.rcv_wup;
	return 0;
}

static int take_negotiated(int fd, struct handoff_state *state, struct slot_reason *why)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);
	int mss, timestamp, err = 0;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		err = -errno;
	/* In repair it is what the peer named, and not what is sent. */
	err = err ? err : handoff_socket_get(fd, IPPROTO_TCP, TCP_MAXSEG, &mss);
	/* As it is: its lowest bit says in newer kernels whether it counts microseconds. */
	err = err ? err : handoff_socket_get(fd, IPPROTO_TCP, TCP_TIMESTAMP, &timestamp);
	if (err)
		return slot_reason_set(why, err, "cannot read what was negotiated: %s",
				       strerror(-err));
	state->negotiated = info.tcpi_options & HANDOFF_NEGOTIATED;
	state->send_wscale = info.tcpi_snd_wscale;
	state->recv_wscale = info.tcpi_rcv_wscale;
	state->mss = (uint32_t)mss;
	state->timestamp = (uint32_t)timestamp;
	return 0;
}

int handoff_repair_take(int fd, struct handoff_state *state, struct slot_reason *why)
{
	int err = take_steadily(fd, state, why);

	/* The timestamp after the last packet that may have been sent. */
	err = err ? err : take_window(fd, state, why);
	return err ? err : take_negotiated(fd, state, why);
}
