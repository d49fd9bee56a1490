/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection leaves a socket and goes on in another: what goes along. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <netinet/in.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#include "tests/support/handoff_bed.h"
#include "tests/support/tap.h"

#define SOME 5000		/* bytes that a first window has room for */
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
	handoff_bed_expect_end(bed.client);
	assert_int_equal(bed.gate->resets, 0);
}

static void what_nobody_read_goes_along(void **state)
{
	struct handoff_state *moved;

	(void)state;
	handoff_bed_put(bed.client, 0, SOME, 0);
	handoff_bed_wait(bed.server, SIOCINQ, SOME);
	moved = handoff_bed_capture(&bed);
	assert_int_equal(tell(moved).unread, SOME);
	handoff_bed_restore(&bed, moved);
	handoff_bed_put(bed.client, SOME, SOME, 0);
	handoff_bed_expect(bed.server, 0, SOME + SOME);
	handoff_bed_say(bed.server, bed.client, "all of it");
}

/* The client has it all, and what it says of it is lost. */
static void what_is_not_acknowledged_goes_along(void **state)
{
	struct handoff_state *moved;

	(void)state;
	handoff_bed_shut(&bed, true);
	handoff_bed_put(bed.server, 0, SOME, 0);
	handoff_bed_wait(bed.client, SIOCINQ, SOME);
	moved = handoff_bed_capture(&bed);
	assert_int_equal(tell(moved).unacked, SOME);
	handoff_bed_restore(&bed, moved);
	handoff_bed_put(bed.server, SOME, SOME, 0);
	handoff_bed_expect(bed.client, 0, SOME + SOME);
	handoff_bed_wait(bed.server, SIOCOUTQ, 0);
}

/* It never came to the client: who has the connection now sends it again. */
static void what_was_lost_is_sent_again(void **state)
{
	struct handoff_state *moved;

	(void)state;
	bed.gate->lose_one_in = 1;
	handoff_bed_put(bed.server, 0, SOME, 0);
	moved = handoff_bed_capture(&bed);
	bed.gate->lose_one_in = 0;
	assert_int_equal(tell(moved).unacked, SOME);
	handoff_bed_restore(&bed, moved);
	handoff_bed_expect(bed.client, 0, SOME);
}

/* Or what is unacknowledged would be sent once more, behind what came later. */
static void what_was_thawed_is_not_thawed_again(void **state)
{
	struct handoff_state *moved;

	(void)state;
	bed.gate->lose_one_in = 1;
	handoff_bed_put(bed.server, 0, SOME, 0);
	moved = handoff_bed_capture(&bed);
	bed.gate->lose_one_in = 0;
	assert_int_equal(handoff_restore(bed.handoff, moved, NULL, &bed.server), 0);
	handoff_bed_shut(&bed, false);
	assert_int_equal(handoff_resume(bed.handoff, moved, bed.server), 0);
	assert_int_equal(handoff_resume(bed.handoff, moved, bed.server), -EPERM);
	handoff_state_free(moved);
	handoff_bed_put(bed.server, SOME, SOME, 0);
	handoff_bed_expect(bed.client, 0, SOME + SOME);
}

static void what_was_not_sent_goes_along(void **state)
{
	struct handoff_state_info info;
	struct handoff_state *moved;
	size_t queued, read;

	(void)state;
	queued = handoff_bed_put(bed.server, 0, FULL, MSG_DONTWAIT);
	assert_true(queued < FULL);
	moved = handoff_bed_capture(&bed);
	info = tell(moved);
	assert_true(info.unsent > 0);
	handoff_bed_restore(&bed, moved);
	read = queued / 2;
	handoff_bed_expect(bed.client, 0, read);
	handoff_bed_move(&bed);
	handoff_bed_expect(bed.client, read, queued - read);
	handoff_bed_say(bed.client, bed.server, "all of it");
}

static void buffers_that_are_full_go_along(void **state)
{
	size_t queued;

	(void)state;
	queued = handoff_bed_put(bed.client, 0, FULL, MSG_DONTWAIT);
	assert_true(queued < FULL);
	handoff_bed_move(&bed);
	handoff_bed_expect(bed.server, 0, queued / 2);
	handoff_bed_move(&bed);
	handoff_bed_expect(bed.server, queued / 2, queued - queued / 2);
	handoff_bed_say(bed.server, bed.client, "all of it");
}

static void end_of_the_peer_goes_along(void **state)
{
	struct handoff_state *moved;

	(void)state;
	handoff_bed_put(bed.client, 0, SOME, 0);
	assert_int_equal(shutdown(bed.client, SHUT_WR), 0);
	handoff_bed_wait(bed.server, SIOCINQ, SOME);
	handoff_bed_wait_end(bed.server);
	for (int i = 0; i < 2; i++) {
		moved = handoff_bed_capture(&bed);
		assert_true(tell(moved).is_peer_closed);
		handoff_bed_restore(&bed, moved);
	}
	handoff_bed_expect(bed.server, 0, SOME);
	handoff_bed_expect_end(bed.server);
	handoff_bed_say(bed.server, bed.client, "an answer");
	assert_int_equal(close(bed.server), 0);
	bed.server = -1;
	handoff_bed_expect_end(bed.client);
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
		assert_int_equal(handoff_bed_put(bed.server, 0, SOME, 0), SOME);
		handoff_bed_expect(bed.client, 0, SOME);
		assert_int_equal(handoff_bed_put(bed.client, 0, SOME, 0), SOME);
		handoff_bed_expect(bed.server, 0, SOME);
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
		{ "what_was_thawed_is_not_thawed_again", what_was_thawed_is_not_thawed_again },
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
	return tap_run(&plan, "connections that move", 1);
}
