/* SPDX-License-Identifier: GPL-2.0-only */
/* What a moved socket waits for, and what it does not wait for any more. */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include "tests/support/handoff_bed.h"
#include "tests/support/tap.h"

#define SOME 5000	/* bytes of a few segments */
#define MUCH 60000	/* more than a first window */
#define RATE 50000000	/* bytes a second: what is left waits for a timer */
#define ROUNDS 20	/* what the kernel takes for sent depends on when its timers run */
#define ATTEMPTS 3	/* a host that stands still for a second runs timers, too */
#define RTT_MAX 1000000 /* us: of a moved socket that was acknowledged at once */

static struct handoff_bed bed;

struct row {
	const char *name;
	int bytes;
	const char *congestion;
};

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

/* A number of /proc/net/netstat, which has a line of names and then one of values. */
static long read_counter(const char *name)
{
	FILE *file = fopen("/proc/thread-self/net/netstat", "re");
	char names[8192], values[8192], *name_at, *value_at;
	long value = -1;

	assert_non_null(file);
	while (value < 0 && fgets(names, sizeof(names), file) &&
	       fgets(values, sizeof(values), file)) {
		const char *one = strtok_r(names, " \n", &name_at);
		const char *other = strtok_r(values, " \n", &value_at);

		for (; one && other && strcmp(one, name); one = strtok_r(NULL, " \n", &name_at))
			other = strtok_r(NULL, " \n", &value_at);
		if (one && other)
			value = atol(other);
	}
	fclose(file);
	assert_true(value >= 0);
	return value;
}

static long count_timers(void)
{
	return read_counter("TCPTimeouts") + read_counter("TCPLossProbes");
}

static void skip_congestion(const char *name)
{
	print_message("# SKIP this kernel has no %s, or not for this: %s\n", name, strerror(errno));
	skip();
}

/* Returns how often a timer of the moved socket ran; nothing is known of the way to the client. */
static long lose(const struct row *row)
{
	struct handoff_state *moved;
	long timers;

	handoff_bed_connect(&bed);
	if (setsockopt(bed.server, IPPROTO_TCP, TCP_CONGESTION, row->congestion,
		       (socklen_t)strlen(row->congestion)))
		skip_congestion(row->congestion);
	bed.gate->lose_one_in = 1;
	handoff_bed_put(bed.server, 0, (size_t)row->bytes, 0);
	moved = handoff_bed_capture(&bed);
	bed.gate->lose_one_in = 0;
	(void)!system("ip tcp_metrics flush all >/dev/null 2>&1");
	timers = count_timers();
	handoff_bed_restore(&bed, moved);
	handoff_bed_expect(bed.client, 0, (size_t)row->bytes);
	handoff_bed_wait(bed.server, SIOCOUTQ, 0);
	return count_timers() - timers;
}

static void lost_end_is_sent_again_without_a_timer(void **state)
{
	long timers = 1;

	for (int i = 0; i < ATTEMPTS && timers; i++)
		timers = lose(*state);
	assert_int_equal(timers, 0);
}

static void what_never_went_out_counts_as_unsent(void **state)
{
	struct handoff_state_info info;
	struct handoff_state *moved;
	unsigned int rate = RATE;
	size_t put;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		handoff_bed_connect(&bed);
		assert_int_equal(setsockopt(bed.server, SOL_SOCKET, SO_MAX_PACING_RATE, &rate,
					    sizeof(rate)),
				 0);
		put = handoff_bed_put(bed.server, 0, MUCH, MSG_DONTWAIT);
		moved = handoff_bed_capture(&bed);
		handoff_state_get(moved, &info);
		handoff_bed_wait(bed.client, SIOCINQ, (int)(put - info.unsent));
		handoff_bed_restore(&bed, moved);
		handoff_bed_expect(bed.client, 0, put);
	}
}

/* Packets may be let in before the socket is thawed. */
static void acknowledged_before_the_thaw_is_not_sent_again(void **state)
{
	struct handoff_state *moved;
	int one = 1;

	(void)state;
	assert_int_equal(setsockopt(bed.server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
	handoff_bed_shut(&bed, true);
	handoff_bed_put(bed.server, 0, SOME / 2, 0);
	handoff_bed_wait(bed.client, SIOCINQ, SOME / 2);
	bed.gate->lose_one_in = 1;
	handoff_bed_put(bed.server, SOME / 2, SOME / 2, 0);
	moved = handoff_bed_capture(&bed);
	bed.gate->lose_one_in = 0;
	if (handoff_restore(bed.handoff, moved, NULL, &bed.server))
		fail_msg("%s", handoff_error(bed.handoff));
	handoff_bed_shut(&bed, false);
	assert_int_equal(send(bed.client, "x", 1, 0), 1);
	/* fewer where its timer was faster */
	handoff_bed_wait_below(bed.server, SIOCOUTQ, SOME / 2 - 1);
	if (handoff_resume(bed.handoff, moved, bed.server))
		fail_msg("%s", handoff_error(bed.handoff));
	handoff_state_free(moved);
	handoff_bed_put(bed.server, SOME, SOME, 0);
	handoff_bed_expect(bed.client, 0, SOME + SOME);
}

/* What runs meanwhile has the congestion window for itself. */
static void timer_before_the_thaw_does_no_harm(void **state)
{
	struct handoff_state *moved;
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	(void)state;
	handoff_bed_shut(&bed, true);
	handoff_bed_put(bed.server, 0, SOME, 0);
	moved = handoff_bed_capture(&bed);
	if (handoff_restore(bed.handoff, moved, NULL, &bed.server))
		fail_msg("%s", handoff_error(bed.handoff));
	for (int i = 0; i < 8000 && info.tcpi_total_retrans < 2; i++) {
		poll(NULL, 0, 1);
		assert_int_equal(getsockopt(bed.server, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	}
	assert_true(info.tcpi_total_retrans >= 2);
	handoff_bed_shut(&bed, false);
	if (handoff_resume(bed.handoff, moved, bed.server))
		fail_msg("%s", handoff_error(bed.handoff));
	handoff_state_free(moved);
	handoff_bed_put(bed.server, SOME, SOME, 0);
	handoff_bed_expect(bed.client, 0, SOME + SOME);
}

/* On a loopback: a socket that takes another's timestamps for its own sees far longer ones. */
static void measured_time_is_the_ways_own(void **state)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);
	int fine = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		handoff_bed_say(bed.server, bed.client, "unacknowledged, as a rule");
		handoff_bed_move(&bed);
		handoff_bed_say(bed.client, bed.server, "and now it is");
		assert_int_equal(getsockopt(bed.server, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
		/* but for a host that stands still */
		assert_true(info.tcpi_rtt < 1000 * RTT_MAX);
		fine += info.tcpi_rtt < RTT_MAX;
	}
	assert_true(fine > ROUNDS / 2);
}

static const struct row rows[] = {
	{ "one segment is lost, with cubic", 1000, "cubic" },
	{ "a few are lost, with cubic", SOME, "cubic" },
	{ "a few are lost, with bbr", SOME, "bbr" },
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_ROWS(&plan, lost_end_is_sent_again_without_a_timer, rows, set_up, tear_down);
	TAP_ADD(&plan, what_never_went_out_counts_as_unsent, set_up, tear_down);
	TAP_ADD(&plan, acknowledged_before_the_thaw_is_not_sent_again, set_up, tear_down);
	TAP_ADD(&plan, timer_before_the_thaw_does_no_harm, set_up, tear_down);
	TAP_ADD(&plan, measured_time_is_the_ways_own, set_up, tear_down);
	return tap_run(&plan, "what moved sockets wait for", 1);
}
