/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#include "programs/handoff/lib/handoff_repair.h"
#include "programs/handoff/lib/handoff_socket.h"

#define TRIES 3
#define OPTION_USEC_TS 64 /* TCPI_OPT_USEC_TS, 6.7 */
/* What changes with each packet that still comes in or goes out. */
struct position {
	int outstanding; /* bytes: written, but not acknowledged */
	int unread;
};

static int read_sequence(int fd, int queue, uint32_t *ret_seq)
{
	int seq = 0, err = handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);

	err = err ? err : handoff_socket_get(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq);
	if (!err)
		*ret_seq = (uint32_t)seq;
	return err;
}

struct handoff_sent handoff_repair_sent(const struct tcp_info *info)
{
	return (struct handoff_sent){
		.bytes = info->tcpi_bytes_sent,
		.again = info->tcpi_bytes_retrans,
		.unsent = info->tcpi_notsent_bytes,
	};
}

/*
 * What the kernel has only taken for sent is never heard of by the peer, and waits for a timer:
 * what was not sent before, less what has gone out since. Where something was sent again
 * meanwhile that is not known, and the kernel's word stands.
 */
static uint32_t count_unsent(const struct handoff_sent *before, const struct handoff_sent *after)
{
	uint64_t since = after->bytes - before->bytes;
	uint32_t unsent = since < before->unsent ? before->unsent - (uint32_t)since : 0;

	return after->again == before->again && unsent > after->unsent ? unsent : after->unsent;
}

static int read_position(int fd, struct position *ret_position, struct slot_reason *why)
{
	struct position at = {};

	if (ioctl(fd, SIOCOUTQ, &at.outstanding) || ioctl(fd, SIOCINQ, &at.unread))
		return slot_reason_set(why, -errno, "cannot tell how much is queued: %s",
				       strerror(errno));
	*ret_position = at;
	return 0;
}

/* Not the timestamp, but for how it counts. */
static int take_info(int fd, const struct handoff_sent *before, struct handoff_state *state,
		     struct slot_reason *why)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);
	struct handoff_sent after;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return slot_reason_set(why, -errno, "TCP_INFO: %s", strerror(errno));
	after = handoff_repair_sent(&info);
	state->unsent = count_unsent(before, &after);
	state->negotiated = info.tcpi_options & HANDOFF_NEGOTIATED;
	state->send_wscale = info.tcpi_snd_wscale;
	state->recv_wscale = info.tcpi_rcv_wscale;
	state->timestamp = info.tcpi_options & OPTION_USEC_TS ? 1 : 0;
	return 0;
}

/* The queue that was chosen last. */
static int read_queue(int fd, int len, struct handoff_queue *queue, struct slot_reason *why)
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
	got = recv(fd, queue->bytes, (size_t)len, MSG_PEEK | MSG_DONTWAIT);
	if (got == len)
		return 0;
	err = got < 0 ? -errno : -EAGAIN;
	return slot_reason_set(why, err, "cannot read what is queued: %zd of %d bytes: %s", got,
			       len, strerror(-err));
}

static bool is_same(const struct position *a, const struct position *b)
{
	return a->outstanding == b->outstanding && a->unread == b->unread;
}

/*
 * A socket in repair goes on sending what it has not sent, by its pacing timer, unless the send
 * queue is the one that is repaired: then it takes it for sent. What was sent after the captured
 * numbers would be acknowledged to a socket that has not sent it, and refuses all packets that say
 * so. The send queue therefore comes last, and stays chosen.
 */
static int take_queues(int fd, const struct handoff_sent *before, struct handoff_state *state,
		       struct slot_reason *why, struct position *ret_position)
{
	uint32_t send_next = 0, recv_next = 0;
	int unread = 0, err = read_sequence(fd, TCP_RECV_QUEUE, &recv_next);

	if (err)
		return slot_reason_set(why, err, "TCP_QUEUE_SEQ: %s", strerror(-err));
	if (ioctl(fd, SIOCINQ, &unread))
		return slot_reason_set(why, -errno, "SIOCINQ: %s", strerror(errno));
	if (!state->has_tls)
		err = read_queue(fd, unread, &state->recv, why);
	if (err)
		return err;
	err = read_sequence(fd, TCP_SEND_QUEUE, &send_next);
	if (err)
		return slot_reason_set(why, err, "TCP_QUEUE_SEQ: %s", strerror(-err));
	err = read_position(fd, ret_position, why);
	err = err ? err : take_info(fd, before, state, why);
	if (err)
		return err;
	state->send_seq = send_next - (uint32_t)ret_position->outstanding;
	state->recv_seq = recv_next;
	if (state->has_tls)
		return handoff_tls_records(fd, ret_position->outstanding, ret_position->unread,
					   why);
	/* Changed since: to be taken again. */
	if (ret_position->unread != unread)
		return 1;
	return read_queue(fd, ret_position->outstanding, &state->send, why);
}

/* Packets that were on their way up when the peer was blocked: there are none after a moment. */
static int take_steadily(int fd, const struct handoff_sent *sent, struct handoff_state *state,
			 struct slot_reason *why)
{
	struct position before = {}, after = {};
	int err = 0;

	for (int i = 0; i < TRIES; i++) {
		err = take_queues(fd, sent, state, why, &before);
		if (!err)
			err = read_position(fd, &after, why);
		if (err < 0 || (!err && is_same(&before, &after)))
			return err;
	}
	return slot_reason_set(why, -EAGAIN,
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

/* In repair TCP_MAXSEG is what the peer named, and not what is sent. */
static int take_negotiated(int fd, struct handoff_state *state, struct slot_reason *why)
{
	int mss, timestamp, err = handoff_socket_get(fd, IPPROTO_TCP, TCP_MAXSEG, &mss);

	err = err ? err : handoff_socket_get(fd, IPPROTO_TCP, TCP_TIMESTAMP, &timestamp);
	if (err)
		return slot_reason_set(why, err, "cannot read what was negotiated: %s",
				       strerror(-err));
	state->mss = (uint32_t)mss;
	/* What the lowest bit says since 6.7: that it counts microseconds. Before, it is one of them. */
	state->timestamp |= (uint32_t)timestamp & ~1U;
	return 0;
}

int handoff_repair_take(int fd, const struct handoff_sent *before, struct handoff_state *state,
			struct slot_reason *why)
{
	int err = take_steadily(fd, before, state, why);

	/* The timestamp after the last packet that may have been sent. */
	err = err ? err : take_window(fd, state, why);
	return err ? err : take_negotiated(fd, state, why);
}
