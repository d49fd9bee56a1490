/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include <linux/tcp.h>

#include "programs/handoff/lib/handoff_repair.h"
#include "programs/handoff/lib/handoff_socket.h"

/* Options as they are on the wire (RFC 9293, 7323, 2018). */
#define OPTION_MSS 2
#define OPTION_WSCALE 3
#define OPTION_SACK 4
#define OPTION_TIMESTAMP 8

/*
 * The peer drops what is older by its timestamp than what it has seen (RFC 7323, 5.2), and the
 * frozen socket may have sent something by a timer in the time that its state took to get here. What
 * is acknowledged by timestamps of before seems to have taken as much longer.
 */
#define TIMESTAMP_AHEAD_MS 50
#define OPTIONS_MAX 4

static int write_sequence(int fd, int queue, uint32_t seq)
{
	int err = handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);

	return err ? err : handoff_socket_set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)seq);
}

int handoff_repair_begin(int fd, const struct handoff_state *state, struct slot_reason *why)
{
	int err = write_sequence(fd, TCP_SEND_QUEUE, state->send_seq);

	if (!err)
		err = write_sequence(fd, TCP_RECV_QUEUE, state->recv_seq - state->recv.len);
	return err ? slot_reason_set(why, err, "cannot set sequence numbers: %s", strerror(-err)) :
		     0;
}

/*
 * Where no scaling was negotiated it is set to none: the kernel chose one of its own when it
 * connected, which in repair no SYN-ACK takes back.
 */
static int put_negotiated(int fd, const struct handoff_state *state, struct slot_reason *why)
{
	struct tcp_repair_opt options[OPTIONS_MAX] = { { OPTION_MSS, state->mss },
						       { OPTION_WSCALE, 0 } };
	/* By its lowest bit it counts microseconds; that stays. */
	uint32_t ahead = state->timestamp & 1 ? TIMESTAMP_AHEAD_MS * 1000 : TIMESTAMP_AHEAD_MS;
	socklen_t count = 2;

	if (state->negotiated & HANDOFF_WSCALE)
		options[1].opt_val = state->send_wscale | (uint32_t)state->recv_wscale << 16;
	if (state->negotiated & HANDOFF_SACK)
		options[count++].opt_code = OPTION_SACK;
	if (state->negotiated & HANDOFF_TIMESTAMPS)
		options[count++].opt_code = OPTION_TIMESTAMP;
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options,
		       count * (socklen_t)sizeof(*options)))
		return slot_reason_set(why, -errno, "cannot set what was negotiated: %s",
				       strerror(errno));
	if (!(state->negotiated & HANDOFF_TIMESTAMPS))
		return 0;
	if (handoff_socket_set(fd, IPPROTO_TCP, TCP_TIMESTAMP, (int)(state->timestamp + ahead)))
		return slot_reason_set(why, -errno, "cannot set the timestamp: %s",
				       strerror(errno));
	return 0;
}

/* What is written to a queue in repair counts as sent or as received. */
static int write_queue(int fd, int name, const uint8_t *bytes, size_t len, struct slot_reason *why)
{
	ssize_t put = 0;
	size_t done;
	int err;

	if (!len)
		return 0;
	err = handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, name);
	for (done = 0; !err && done < len; done += (size_t)put) {
		put = send(fd, bytes + done, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put <= 0)
			err = put ? -errno : -ENOBUFS;
		if (err)
			return slot_reason_set(why, err,
					       "cannot fill a queue, %zu of %zu bytes: %s", done,
					       len, strerror(-err));
	}
	return err;
}

/*
 * A timer of the socket that was restored may have run, and taken the congestion window: then the
 * byte counts as sent, too.
 */
int handoff_repair_complete(int fd, const struct handoff_state *state, uint32_t *filled,
			    struct slot_reason *why)
{
	uint32_t sent = state->send.len - state->unsent;
	struct tcp_info info = {};
	socklen_t len = sizeof(info);
	int err;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return slot_reason_set(why, -errno, "TCP_INFO: %s", strerror(errno));
	if (*filled >= sent || (!info.tcpi_ca_state && !info.tcpi_total_retrans &&
				info.tcpi_unacked < info.tcpi_snd_cwnd))
		return 0;
	err = write_queue(fd, TCP_SEND_QUEUE, state->send.bytes + *filled, sent - *filled, why);
	if (!err && handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_NO_QUEUE))
		err = slot_reason_set(why, -errno, "TCP_REPAIR_QUEUE: %s", strerror(errno));
	if (!err)
		*filled = sent;
	return err;
}

int handoff_repair_filled(int fd, const struct handoff_state *state, uint32_t *ret_bytes)
{
	int seq = 0, err = handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);

	err = err ? err : handoff_socket_get(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq);
	err = err ? err : handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_NO_QUEUE);
	if (!err)
		*ret_bytes = (uint32_t)seq - state->send_seq;
	return err;
}

static int put_window(int fd, const struct handoff_state *state, struct slot_reason *why)
{
	struct tcp_repair_window window = {
		.snd_wl1 = state->window_from,
		.snd_wnd = state->send_window,
		.max_window = state->send_window_max,
		.rcv_wnd = state->recv_window,
		.rcv_wup = state->recv_window_from,
	};

	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof(window)))
		return slot_reason_set(why, -errno, "cannot set the windows: %s", strerror(errno));
	return 0;
}

/*
 * Of what was sent the last byte is sent anew as soon as the socket is thawed, and the peer
 * answers that at once: it says how far it is, and what is lost is known, and the time to the peer
 * as well. A socket that has only such bytes as count as sent waits for one to three seconds, as
 * it has no time to the peer; its window probe a peer answers once in half a second. But the byte
 * must not wait for the congestion window: until it is sent all acknowledgements of it are refused.
 */
static uint32_t leave_out(int fd, const struct handoff_state *state)
{
	uint32_t sent = state->send.len - state->unsent;
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	if (!sent || sent > state->send_window ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return 0;
	return info.tcpi_snd_mss && sent / info.tcpi_snd_mss + 2 < info.tcpi_snd_cwnd;
}

int handoff_repair_fill(int fd, const struct handoff_state *state, struct slot_reason *why)
{
	int err = put_negotiated(fd, state, why);

	err = err ? err : write_queue(fd, TCP_RECV_QUEUE, state->recv.bytes, state->recv.len, why);
	if (!err)
		err = write_queue(fd, TCP_SEND_QUEUE, state->send.bytes,
				  state->send.len - state->unsent - leave_out(fd, state), why);
	err = err ? err : put_window(fd, state, why);
	if (!err && handoff_socket_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_NO_QUEUE))
		err = slot_reason_set(why, -errno, "TCP_REPAIR_QUEUE: %s", strerror(errno));
	return err;
}
