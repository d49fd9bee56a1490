/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A datagram and a connection to groups of sockets, for chains of sk_reuseport programs. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/preflight_probe.h"
#include "loader/lib/host/loopback.h"

#define CONNECT_MS 50 /* longer than loopback takes, where the chain lets the connection through */

/* A drop is an answer like others: nothing has to arrive. */
static int send_datagram(void *data)
{
	struct sockaddr_in address = { 0 };
	_cleanup_close_ int to = slot_loopback_bind(SOCK_DGRAM, SLOT_LOOPBACK_FD, &address);
	_cleanup_close_ int from = to < 0 ? -1 : slot_loopback_connect(SOCK_DGRAM, &address);

	(void)data;
	if (to < 0 || from < 0)
		return to < 0 ? to : from;
	send(from, "", 1, 0);
	return slot_loopback_settle();
}

static bool is_refused(int fd)
{
	socklen_t len = sizeof(int);
	int err = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) || err;
}

/* The connection that one of both has waiting is the other's, then. */
static int migrate(int *first, int *second)
{
	struct pollfd waiting[] = { { .fd = *first, .events = POLLIN },
				    { .fd = *second, .events = POLLIN } };

	if (poll(waiting, 2, CONNECT_MS) > 0)
		close(waiting[0].revents ? TAKE_FD(*first) : TAKE_FD(*second));
	return slot_loopback_settle();
}

static int connect_group(void *data)
{
	struct sockaddr_in address = { 0 };
	_cleanup_close_ int first = slot_loopback_bind(SOCK_STREAM, SLOT_LOOPBACK_FD, &address);
	_cleanup_close_ int second =
		first < 0 ? -1 : slot_loopback_bind(SOCK_STREAM, SLOT_LOOPBACK_FD, &address);
	_cleanup_close_ int from = second < 0 ? -1 : slot_loopback_connect(SOCK_STREAM, &address);
	int err;

	(void)data;
	if (first < 0 || second < 0)
		return first < 0 ? first : second;
	/* The chain may refuse it. */
	if (from < 0)
		return from == -ECONNREFUSED ? 0 : from;
	err = slot_loopback_settle();
	return err || is_refused(from) ? err : migrate(&first, &second);
}

static int run_visit(const struct slot_generation *generation, slot_loopback_visit *visit,
		     struct slot_reason *note)
{
	struct slot_reason failed;

	/* Nobody could tell what it answered. */
	if (generation->counters_fd < 0)
		return 0;
	if (slot_loopback_run(visit, NULL, generation->root_fd, &failed))
		slot_reason_set(note, 0,
				"preflight could not try generation %u on sockets here: %s",
				generation->number, failed.text);
	return 0;
}

static int run_datagram(const struct slot_preflight_probe *probe,
			const struct slot_generation *generation, struct slot_reason *note,
			struct slot_reason *why)
{
	(void)probe;
	(void)why;
	return run_visit(generation, send_datagram, note);
}

static int run_connection(const struct slot_preflight_probe *probe,
			  const struct slot_generation *generation, struct slot_reason *note,
			  struct slot_reason *why)
{
	(void)probe;
	(void)why;
	return run_visit(generation, connect_group, note);
}

const struct slot_preflight_probe slot_probes_group[SLOT_PROBES_MAX + 1] = {
	{ "an ordinary datagram", 0, run_datagram },
	{ "an ordinary connection", 0, run_connection },
};
