/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection leaves a socket and goes on in another: what goes along, what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#include "tests/support/handoff_bed.h"
#include "tests/support/tap.h"

#define SOME 5000		/* bytes that a first window has room for */
#define MUCH (300 * 1000)	/* bytes */
#define FULL (64 * 1000 * 1000) /* more than any buffer has room for */

static struct handoff_bed bed;

struct row {
	const char *name;
	int family;
	const char *commands; /* before */
	const char *after;
};

static int set_up(void **state)
{
	const struct row *row = *state;

	handoff_bed_open(&bed, row ? row->family : AF_INET, row ? row->commands : NULL);
	handoff_bed_connect(&bed);
	return 0;
}

static int tear_down(void **state)
{
	const struct row *row = *state;

	handoff_bed_close(&bed);
	if (row && row->after)
		assert_int_equal(system(row->after), 0);
	return 0;
}

/* --- bytes that can be told from each other ---------------------------------------------------- */

static uint8_t byte_at(size_t at)
{
	return (uint8_t)(at * 31 + at / 251);
}

static size_t put_bytes(int fd, size_t from, size_t len, int flags)
{
	static uint8_t bytes[16384];
	size_t done = 0;

	while (done < len) {
		size_t now = len - done < sizeof(bytes) ? len - done : sizeof(bytes);
		ssize_t sent;

		for (size_t i = 0; i < now; i++)
			bytes[i] = byte_at(from + done + i);
		sent = send(fd, bytes, now, flags | MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0)
			fail_msg("send: %s", strerror(errno));
		done += (size_t)sent;
	}
	return done;
}

static void expect_bytes(int fd, size_t from, size_t len)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	static uint8_t bytes[65536];
	size_t done = 0;

	while (done < len) {
		ssize_t got;

		if (poll(&readable, 1, 10000) != 1)
			fail_msg("nothing comes after %zu of %zu bytes", done, len);
		got = recv(fd, bytes, len - done < sizeof(bytes) ? len - done : sizeof(bytes),
			   MSG_DONTWAIT);
		if (got <= 0)
			fail_msg("after %zu of %zu bytes: %s", done, len,
				 got ? strerror(errno) : "an end");
		for (ssize_t i = 0; i < got; i++)
			if (bytes[i] != byte_at(from + done + (size_t)i))
				fail_msg("byte %zu is another one", done + (size_t)i);
		done += (size_t)got;
	}
}

static void expect_end(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	char byte;

	assert_int_equal(poll(&readable, 1, 5000), 1);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
}

static struct handoff_state_info tell(const struct handoff_state *state)
{
	struct handoff_state_info info;

	handoff_state_get(state, &info);
	return info;
}

/* --- what goes along --------------------------------------------------------------------------- */

static void connection_goes_on(void **state)
{
	(void)state;
	handoff_bed_say(bed.client, bed.server, "one");
	handoff_bed_say(bed.server, bed.client, "two");
	for (int i = 0; i < 5; i++) {
		handoff_bed_move(&bed);
		handoff_bed_say(bed.client, bed.server, "three");
		handoff_bed_say(bed.server, bed.client, "four");
	}
	assert_int_equal(close(bed.server), 0);
	bed.server = -1;
	expect_end(bed.client);
	assert_int_equal(bed.gate->resets, 0);
}

static void what_nobody_read_goes_along(void **state)
{
	struct handoff_state *moved;

	(void)state;
	put_bytes(bed.client, 0, SOME, 0);
	handoff_bed_wait(bed.server, SIOCINQ, SOME);
	moved = handoff_bed_capture(&bed);
	assert_int_equal(tell(moved).unread, SOME);
	handoff_bed_restore(&bed, moved);
	put_bytes(bed.client, SOME, SOME, 0);
	expect_bytes(bed.server, 0, SOME + SOME);
	handoff_bed_say(bed.server, bed.client, "all of it");
}

/* The client has it all, and what it says of it is lost. */
static void what_is_not_acknowledged_goes_along(void **state)
{
	struct handoff_state *moved;

	(void)state;
	handoff_bed_shut(&bed, true);
	put_bytes(bed.server, 0, SOME, 0);
	handoff_bed_wait(bed.client, SIOCINQ, SOME);
	moved = handoff_bed_capture(&bed);
	assert_int_equal(tell(moved).unacked, SOME);
	handoff_bed_restore(&bed, moved);
	put_bytes(bed.server, SOME, SOME, 0);
	expect_bytes(bed.client, 0, SOME + SOME);
	handoff_bed_wait(bed.server, SIOCOUTQ, 0);
}

/* It never came to the client: who has the connection now sends it again. */
static void what_was_lost_is_sent_again(void **state)
{
	struct handoff_state *moved;

	(void)state;
	bed.gate->lose_one_in = 1;
	put_bytes(bed.server, 0, SOME, 0);
	moved = handoff_bed_capture(&bed);
	bed.gate->lose_one_in = 0;
	assert_int_equal(tell(moved).unacked, SOME);
	handoff_bed_restore(&bed, moved);
	expect_bytes(bed.client, 0, SOME);
}

static void what_was_not_sent_goes_along(void **state)
{
	struct handoff_state_info info;
	struct handoff_state *moved;
	size_t queued, read;

	(void)state;
	queued = put_bytes(bed.server, 0, FULL, MSG_DONTWAIT);
	assert_true(queued < FULL);
	moved = handoff_bed_capture(&bed);
	info = tell(moved);
	assert_true(info.unsent > 0);
	handoff_bed_restore(&bed, moved);
	read = queued / 2;
	expect_bytes(bed.client, 0, read);
	handoff_bed_move(&bed);
	expect_bytes(bed.client, read, queued - read);
	handoff_bed_say(bed.client, bed.server, "all of it");
}

static void buffers_that_are_full_go_along(void **state)
{
	size_t queued;

	(void)state;
	queued = put_bytes(bed.client, 0, FULL, MSG_DONTWAIT);
	assert_true(queued < FULL);
	handoff_bed_move(&bed);
	expect_bytes(bed.server, 0, queued / 2);
	handoff_bed_move(&bed);
	expect_bytes(bed.server, queued / 2, queued - queued / 2);
	handoff_bed_say(bed.server, bed.client, "all of it");
}

static void end_of_the_peer_goes_along(void **state)
{
	struct handoff_state *moved;

	(void)state;
	put_bytes(bed.client, 0, SOME, 0);
	assert_int_equal(shutdown(bed.client, SHUT_WR), 0);
	handoff_bed_wait(bed.server, SIOCINQ, SOME);
	for (int i = 0; i < 2; i++) {
		moved = handoff_bed_capture(&bed);
		assert_true(tell(moved).is_peer_closed);
		handoff_bed_restore(&bed, moved);
	}
	expect_bytes(bed.server, 0, SOME);
	expect_end(bed.server);
	handoff_bed_say(bed.server, bed.client, "an answer");
	assert_int_equal(close(bed.server), 0);
	bed.server = -1;
	expect_end(bed.client);
	assert_int_equal(bed.gate->resets, 0);
}

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info;
}

static int number_of(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void what_was_negotiated_holds(void **state)
{
	struct tcp_info before, after;

	(void)state;
	handoff_bed_say(bed.client, bed.server, "before");
	before = info_of(bed.server);
	handoff_bed_move(&bed);
	handoff_bed_say(bed.server, bed.client, "after");
	after = info_of(bed.server);
	assert_int_equal(after.tcpi_options & TCPI_OPT_SACK, before.tcpi_options & TCPI_OPT_SACK);
	assert_int_equal(after.tcpi_options & TCPI_OPT_TIMESTAMPS,
			 before.tcpi_options & TCPI_OPT_TIMESTAMPS);
	assert_int_equal(after.tcpi_snd_wscale, before.tcpi_snd_wscale);
	assert_int_equal(after.tcpi_rcv_wscale, before.tcpi_rcv_wscale);
	assert_int_equal(after.tcpi_snd_mss, before.tcpi_snd_mss);
	for (int i = 0; i < 3; i++) {
		handoff_bed_move(&bed);
		assert_int_equal(put_bytes(bed.server, 0, SOME, 0), SOME);
		expect_bytes(bed.client, 0, SOME);
		assert_int_equal(put_bytes(bed.client, 0, SOME, 0), SOME);
		expect_bytes(bed.server, 0, SOME);
	}
	assert_int_equal(bed.gate->resets, 0);
}

static const struct option {
	const char *name;
	int level, option, value;
} options[] = {
	{ "TCP_NODELAY goes along", IPPROTO_TCP, TCP_NODELAY, 1 },
	{ "SO_KEEPALIVE goes along", SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ "TCP_KEEPIDLE goes along", IPPROTO_TCP, TCP_KEEPIDLE, 77 },
	{ "TCP_KEEPINTVL goes along", IPPROTO_TCP, TCP_KEEPINTVL, 7 },
	{ "TCP_KEEPCNT goes along", IPPROTO_TCP, TCP_KEEPCNT, 3 },
	{ "TCP_USER_TIMEOUT goes along", IPPROTO_TCP, TCP_USER_TIMEOUT, 4321 },
	{ "TCP_NOTSENT_LOWAT goes along", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 8192 },
	{ "IP_TOS goes along", IPPROTO_IP, IP_TOS, 0x20 },
};

static int set_up_plain(void **state)
{
	(void)state;
	handoff_bed_open(&bed, AF_INET, NULL);
	handoff_bed_connect(&bed);
	return 0;
}

static int tear_down_plain(void **state)
{
	(void)state;
	handoff_bed_close(&bed);
	return 0;
}

static void option_goes_along(void **state)
{
	const struct option *row = *state;

	assert_int_not_equal(number_of(bed.server, row->level, row->option), row->value);
	assert_int_equal(setsockopt(bed.server, row->level, row->option, &row->value,
				    sizeof(row->value)),
			 0);
	handoff_bed_move(&bed);
	assert_int_equal(number_of(bed.server, row->level, row->option), row->value);
}

static void congestion_control_goes_along(void **state)
{
	char name[16] = "";
	socklen_t len = sizeof(name);

	(void)state;
	assert_int_equal(setsockopt(bed.server, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	handoff_bed_move(&bed);
	assert_int_equal(getsockopt(bed.server, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_string_equal(name, "reno");
}

/* --- one socket, and the next ------------------------------------------------------------------ */

static void undone_capture_leaves_the_connection(void **state)
{
	struct handoff_state *captured;

	(void)state;
	handoff_bed_shut(&bed, true);
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &captured), 0);
	handoff_state_free(captured);
	put_bytes(bed.client, 0, SOME, 0);
	assert_int_equal(handoff_undo(bed.handoff, bed.server), 0);
	handoff_bed_shut(&bed, false);
	expect_bytes(bed.server, 0, SOME);
	handoff_bed_say(bed.server, bed.client, "still here");
}

/* With the gate open: what comes meanwhile is neither taken nor acknowledged. */
static void frozen_socket_takes_nothing(void **state)
{
	struct handoff_state *captured;
	int unread = -1;

	(void)state;
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &captured), 0);
	put_bytes(bed.client, 0, SOME, 0);
	poll(NULL, 0, 20);
	assert_int_equal(ioctl(bed.server, SIOCINQ, &unread), 0);
	assert_int_equal(unread, 0);
	handoff_bed_shut(&bed, true);
	close(bed.server);
	handoff_bed_restore(&bed, captured);
	expect_bytes(bed.server, 0, SOME);
	assert_int_equal(bed.gate->resets, 0);
}

/* One whose timer has it send a segment every few milliseconds; what it repeats is no harm. */
static void frozen_socket_sends_nothing_new(void **state)
{
	uint32_t bytes_per_s = 200 * 1000;
	struct handoff_state *captured;
	struct handoff_state_info info;
	size_t queued;
	int heard = 0;

	(void)state;
	assert_int_equal(setsockopt(bed.server, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes_per_s,
				    sizeof(bytes_per_s)),
			 0);
	queued = put_bytes(bed.server, 0, MUCH, MSG_DONTWAIT);
	poll(NULL, 0, 50);
	handoff_bed_shut(&bed, true);
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &captured), 0);
	info = tell(captured);
	assert_true(info.unsent > 0);
	poll(NULL, 0, 100);
	assert_int_equal(ioctl(bed.client, SIOCINQ, &heard), 0);
	assert_true((uint32_t)heard <= queued - info.unsent);
	close(bed.server);
	handoff_bed_restore(&bed, captured);
	expect_bytes(bed.client, 0, queued);
	handoff_bed_say(bed.client, bed.server, "all of it");
}

static void closing_a_frozen_socket_is_silent(void **state)
{
	struct handoff_state *captured;
	uint64_t answers;
	int fd;

	(void)state;
	put_bytes(bed.client, 0, SOME, 0);
	handoff_bed_wait(bed.server, SIOCINQ, SOME);
	handoff_bed_wait(bed.client, SIOCOUTQ, 0);
	captured = handoff_bed_capture(&bed);
	answers = bed.gate->answers;
	assert_int_equal(handoff_restore(bed.handoff, captured, NULL, &fd), 0);
	close(fd);
	poll(NULL, 0, 20);
	assert_int_equal(bed.gate->answers, answers);
	handoff_bed_restore(&bed, captured);
	expect_bytes(bed.server, 0, SOME);
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
	return dup(bed.server);
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

#define OFF(name) "echo 0 >/proc/sys/net/ipv4/tcp_" name
#define ON(name) "echo 1 >/proc/sys/net/ipv4/tcp_" name

static const struct row families[] = {
	{ "of IPv4", AF_INET, NULL, NULL },
	{ "of IPv6", AF_INET6, NULL, NULL },
};

static const struct row negotiations[] = {
	{ "what was negotiated holds, of IPv4", AF_INET, NULL, NULL },
	{ "what was negotiated holds, of IPv6", AF_INET6, NULL, NULL },
	{ "a connection without scaling stays so", AF_INET, OFF("window_scaling"),
	  ON("window_scaling") },
	{ "a connection without SACK stays so", AF_INET, OFF("sack"), ON("sack") },
	{ "a connection without timestamps stays so", AF_INET, OFF("timestamps"),
	  ON("timestamps") },
	{ "a connection with none of the three stays so", AF_INET6,
	  OFF("window_scaling") ";" OFF("sack") ";" OFF("timestamps"),
	  ON("window_scaling") ";" ON("sack") ";" ON("timestamps") },
};

/* Each of these for both families. */
static void add_families(struct tap_plan *plan)
{
	static const struct {
		const char *name;
		void (*run)(void **state);
	} cases[] = {
		{ "connection_goes_on", connection_goes_on },
		{ "what_nobody_read_goes_along", what_nobody_read_goes_along },
		{ "what_is_not_acknowledged_goes_along", what_is_not_acknowledged_goes_along },
		{ "what_was_lost_is_sent_again", what_was_lost_is_sent_again },
		{ "what_was_not_sent_goes_along", what_was_not_sent_goes_along },
		{ "buffers_that_are_full_go_along", buffers_that_are_full_go_along },
		{ "end_of_the_peer_goes_along", end_of_the_peer_goes_along },
	};
	static char names[2 * sizeof(cases) / sizeof(*cases)][96];

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		struct CMUnitTest test =
			cmocka_unit_test_setup_teardown(cases[i / 2].run, set_up, tear_down);

		snprintf(names[i], sizeof(names[i]), "%s, %s", cases[i / 2].name,
			 families[i % 2].name);
		test.name = names[i];
		test.initial_state = (void *)&families[i % 2];
		tap_add(plan, &test);
	}
}

int main(void)
{
	struct tap_plan plan = {};

	add_families(&plan);
	TAP_ADD_ROWS(&plan, what_was_negotiated_holds, negotiations, set_up, tear_down);
	TAP_ADD_ROWS(&plan, option_goes_along, options, set_up_plain, tear_down_plain);
	TAP_ADD(&plan, congestion_control_goes_along, set_up, tear_down);
	TAP_ADD(&plan, undone_capture_leaves_the_connection, set_up, tear_down);
	TAP_ADD(&plan, frozen_socket_takes_nothing, set_up, tear_down);
	TAP_ADD(&plan, frozen_socket_sends_nothing_new, set_up, tear_down);
	TAP_ADD(&plan, closing_a_frozen_socket_is_silent, set_up, tear_down);
	TAP_ADD(&plan, restored_socket_is_at_the_port_that_was_chosen, set_up, tear_down);
	TAP_ADD(&plan, listener_is_replaced_beside_moved_connections, set_up, tear_down);
	TAP_ADD(&plan, mapped_connection_is_one_of_ip4, set_up, tear_down);
	TAP_ADD_ROWS(&plan, socket_is_refused, refused, set_up_plain, tear_down_plain);
	TAP_ADD(&plan, one_that_is_captured_is_refused, set_up, tear_down);
	return tap_run(&plan, "connections that move", 1);
}
