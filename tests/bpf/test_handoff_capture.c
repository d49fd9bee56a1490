/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A socket that is captured, undone, closed or restored: what it does meanwhile, what is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "tests/support/handoff_bed.h"
#include "tests/support/tap.h"

#define SOME 5000	  /* bytes that a first window has room for */
#define MUCH (300 * 1000) /* bytes */

static struct handoff_bed bed;

static int set_up(void **state)
{
	(void)state;
	handoff_bed_open(&bed, AF_INET, NULL);
	handoff_bed_connect(&bed);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_bed_close(&bed);
	return 0;
}

static struct handoff_state_info tell(const struct handoff_state *state)
{
	struct handoff_state_info info;

	handoff_state_get(state, &info);
	return info;
}

/* --- one socket, and the next ------------------------------------------------------------------ */

static void undone_capture_leaves_the_connection(void **state)
{
	struct handoff_state *captured;

	(void)state;
	handoff_bed_shut(&bed, true);
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &captured), 0);
	handoff_state_free(captured);
	handoff_bed_put(bed.client, 0, SOME, 0);
	assert_int_equal(handoff_undo(bed.handoff, bed.server), 0);
	handoff_bed_shut(&bed, false);
	handoff_bed_expect(bed.server, 0, SOME);
	handoff_bed_say(bed.server, bed.client, "still here");
}

/* With the gate open: what comes meanwhile is neither taken nor acknowledged. */
static void frozen_socket_takes_nothing(void **state)
{
	struct handoff_state *captured;
	int unread = -1;

	(void)state;
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &captured), 0);
	handoff_bed_put(bed.client, 0, SOME, 0);
	poll(NULL, 0, 20);
	assert_int_equal(ioctl(bed.server, SIOCINQ, &unread), 0);
	assert_int_equal(unread, 0);
	handoff_bed_shut(&bed, true);
	close(bed.server);
	handoff_bed_restore(&bed, captured);
	handoff_bed_expect(bed.server, 0, SOME);
	assert_int_equal(bed.gate->resets, 0);
}

/* One whose timer has it send segments several times meanwhile; what it repeats is no harm. */
static void frozen_socket_sends_nothing_new(void **state)
{
	uint32_t bytes_per_s = 40 * 1000; /* for long enough on a slow machine */
	struct handoff_state *captured;
	struct handoff_state_info info;
	size_t queued;
	int heard = 0;

	(void)state;
	assert_int_equal(setsockopt(bed.server, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes_per_s,
				    sizeof(bytes_per_s)),
			 0);
	queued = handoff_bed_put(bed.server, 0, MUCH, MSG_DONTWAIT);
	poll(NULL, 0, 50);
	handoff_bed_shut(&bed, true);
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &captured), 0);
	info = tell(captured);
	assert_true(info.unsent > 0);
	poll(NULL, 0, 300);
	assert_int_equal(ioctl(bed.client, SIOCINQ, &heard), 0);
	assert_true((uint32_t)heard <= queued - info.unsent);
	close(bed.server);
	handoff_bed_restore(&bed, captured);
	handoff_bed_expect(bed.client, 0, queued);
	handoff_bed_say(bed.client, bed.server, "all of it");
}

static void closing_a_frozen_socket_is_silent(void **state)
{
	struct handoff_state *captured;
	uint64_t answers;
	int fd;

	(void)state;
	handoff_bed_put(bed.client, 0, SOME, 0);
	handoff_bed_wait(bed.server, SIOCINQ, SOME);
	handoff_bed_wait(bed.client, SIOCOUTQ, 0);
	captured = handoff_bed_capture(&bed);
	answers = bed.gate->answers;
	assert_int_equal(handoff_restore(bed.handoff, captured, NULL, &fd), 0);
	close(fd);
	poll(NULL, 0, 20);
	assert_int_equal(bed.gate->answers, answers);
	handoff_bed_restore(&bed, captured);
	handoff_bed_expect(bed.server, 0, SOME);
}

static void restored_socket_is_at_the_port_that_was_chosen(void **state)
{
	struct sockaddr_in local = *(struct sockaddr_in *)&bed.address, same;
	struct sockaddr_in6 other = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(same);
	struct handoff_state *captured = handoff_bed_capture(&bed);
	int fd = -1, again = -1;

	(void)state;
	local.sin_port = 0;
	assert_int_equal(handoff_restore(bed.handoff, captured, (struct sockaddr *)&local, &fd), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&same, &len), 0);
	assert_int_equal(same.sin_addr.s_addr, local.sin_addr.s_addr);
	assert_int_not_equal(same.sin_port, 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(handoff_restore(bed.handoff, captured, (struct sockaddr *)&same, &again),
			 -EADDRNOTAVAIL);
	assert_non_null(strstr(handoff_error(bed.handoff), "cannot restore the connection here"));
	assert_int_equal(again, -1);
	close(fd);
	local.sin_addr.s_addr = htonl(0xcb007101); /* 203.0.113.1 */
	assert_int_equal(handoff_restore(bed.handoff, captured, (struct sockaddr *)&local, &fd),
			 -EADDRNOTAVAIL);
	assert_int_equal(handoff_restore(bed.handoff, captured, (struct sockaddr *)&other, &fd),
			 -EAFNOSUPPORT);
	handoff_bed_restore(&bed, captured);
}

/* As those of who was accepted: with SO_REUSEADDR. */
static void listener_is_replaced_beside_moved_connections(void **state)
{
	int one = 1, next = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	handoff_bed_move(&bed);
	close(bed.listener);
	assert_int_equal(setsockopt(next, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(next, (struct sockaddr *)&bed.address, bed.address_len), 0);
	assert_int_equal(listen(next, 1), 0);
	bed.listener = next;
}

/* A socket of IPv6 whose peer is one of IPv4. */
static void mapped_connection_is_one_of_ip4(void **state)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(8081) };
	struct sockaddr_in server = *(struct sockaddr_in *)&bed.address;
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct handoff_state *captured;

	(void)state;
	close(bed.server);
	close(bed.client);
	assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(listener, 1), 0);
	server.sin_port = any.sin6_port;
	bed.gate->port = any.sin6_port;
	bed.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(bed.client, (struct sockaddr *)&server, sizeof(server)), 0);
	bed.server = accept(listener, NULL, NULL);
	captured = handoff_bed_capture(&bed);
	assert_int_equal(tell(captured).peer.ss_family, AF_INET);
	assert_int_equal(tell(captured).local.ss_family, AF_INET);
	handoff_bed_restore(&bed, captured);
	handoff_bed_say(bed.client, bed.server, "to a socket of IPv4");
	handoff_bed_say(bed.server, bed.client, "from it");
	bed.gate->port = server.sin_port = ((struct sockaddr_in *)&bed.address)->sin_port;
	close(listener);
}

/* --- what is refused --------------------------------------------------------------------------- */

static int listening(void)
{
	return dup(bed.listener);
}

static int unconnected(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int datagrams(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int file(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int shut_down(void)
{
	assert_int_equal(shutdown(bed.server, SHUT_WR), 0);
	return dup(bed.server);
}

static int with_ttl(void)
{
	int ttl = 64;

	assert_int_equal(setsockopt(bed.server, IPPROTO_IP, IP_MINTTL, &ttl, sizeof(ttl)), 0);
	return dup(bed.server);
}

static int reset_by_peer(void)
{
	struct linger at_once = { .l_onoff = 1 };

	assert_int_equal(setsockopt(bed.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)),
			 0);
	close(bed.client);
	bed.client = -1;
	handoff_bed_wait_end(bed.server);
	return dup(bed.server);
}

static int of_mptcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd >= 0)
		return fd;
	print_message("# SKIP this kernel has no MPTCP\n");
	skip();
	return -1;
}

static int of_one_link(void)
{
	struct sockaddr_in6 here = {
		.sin6_family = AF_INET6,
		.sin6_addr = { .s6_addr = { 0xfe, 0x80, [15] = 1 } },
		.sin6_scope_id = 1, /* of lo */
	};
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(here);
	int fd, left_ms = 5000;

	close(bed.client);
	assert_int_equal(system("ip address replace fe80::1/64 dev lo nodad"), 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &length), 0);
	bed.client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The kernel makes the address's route some time after the address. */
	for (; connect(bed.client, (struct sockaddr *)&here, sizeof(here)); left_ms -= 5) {
		assert_int_equal(errno, ENETUNREACH);
		assert_true(left_ms > 0);
		poll(NULL, 0, 5);
	}
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	assert_true(fd >= 0);
	return fd;
}

static const struct refused {
	const char *name;
	int (*make)(void);
	int err;
	const char *words;
} refused[] = {
	{ "a listener is refused", listening, -ENOTCONN, "has no connection" },
	{ "a socket without a connection is refused", unconnected, -ENOTCONN, "has no connection" },
	{ "a connection that was reset is refused", reset_by_peer, -ENOTCONN, "has no connection" },
	{ "a socket of UDP is refused", datagrams, -EINVAL, "no socket of TCP" },
	{ "a socket of MPTCP is refused", of_mptcp, -EINVAL, "no socket of TCP" },
	{ "a connection within one link is refused", of_one_link, -EOPNOTSUPP, "one link" },
	{ "a file is refused", file, -EINVAL, "no socket of TCP" },
	{ "a connection whose own side is over is refused", shut_down, -ESHUTDOWN, "shut down" },
	{ "a socket with an IP_MINTTL is refused", with_ttl, -EOPNOTSUPP, "IP_MINTTL" },
};

static void socket_is_refused(void **state)
{
	const struct refused *row = *state;
	struct handoff_state *none = NULL;
	int fd = row->make();

	assert_int_equal(handoff_capture(bed.handoff, fd, &none), row->err);
	if (!strstr(handoff_error(bed.handoff), row->words))
		fail_msg("it says: %s", handoff_error(bed.handoff));
	assert_null(none);
	close(fd);
}

static void one_that_is_captured_is_refused(void **state)
{
	struct handoff_state *captured, *none = NULL;

	(void)state;
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &captured), 0);
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &none), -EOPNOTSUPP);
	assert_int_equal(handoff_undo(bed.handoff, bed.server), 0);
	handoff_state_free(captured);
	handoff_bed_say(bed.client, bed.server, "still here");
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, undone_capture_leaves_the_connection, set_up, tear_down);
	TAP_ADD(&plan, frozen_socket_takes_nothing, set_up, tear_down);
	TAP_ADD(&plan, frozen_socket_sends_nothing_new, set_up, tear_down);
	TAP_ADD(&plan, closing_a_frozen_socket_is_silent, set_up, tear_down);
	TAP_ADD(&plan, restored_socket_is_at_the_port_that_was_chosen, set_up, tear_down);
	TAP_ADD(&plan, listener_is_replaced_beside_moved_connections, set_up, tear_down);
	TAP_ADD(&plan, mapped_connection_is_one_of_ip4, set_up, tear_down);
	TAP_ADD_ROWS(&plan, socket_is_refused, refused, set_up, tear_down);
	TAP_ADD(&plan, one_that_is_captured_is_refused, set_up, tear_down);
	return tap_run(&plan, "sockets that are captured and restored", 1);
}
