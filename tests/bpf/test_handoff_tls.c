/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections under kTLS move between two records, and at no other time. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include "tests/support/handoff_bed.h"
#include "tests/support/tap.h"
#include "tests/support/tls_session.h"

#define MOVES 4
#define WAIT_MS 60000
#define LARGE 12000 /* bytes of a record that is in many segments */

static struct handoff_bed bed;
static struct tls_session session;

struct row {
	const char *name;
	int version;
	const char *cipher;
};

static const struct row gcm = { NULL, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256" };

static int set_up(void **state)
{
	const struct row *row = *state ? *state : &gcm;

	handoff_bed_open(&bed, AF_INET, NULL);
	handoff_bed_connect(&bed);
	tls_session_open(&session, bed.client, bed.server, row->version, row->cipher);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tls_session_close(&session);
	handoff_bed_close(&bed);
	return 0;
}

/* Older kernels say that a record is there when part of it is. */
static void expect(const char *text)
{
	struct pollfd readable = { .fd = bed.server, .events = POLLIN };
	ssize_t got = -1;
	char heard[256] = "";

	for (int i = 0; i < WAIT_MS && got < 0; i++) {
		assert_int_equal(poll(&readable, 1, WAIT_MS), 1);
		got = recv(bed.server, heard, strlen(text), MSG_DONTWAIT);
		if (got < 0 && errno != EAGAIN)
			fail_msg("recv: %s", strerror(errno));
		poll(NULL, 0, got < 0 ? 1 : 0);
	}
	assert_string_equal(heard, text);
}

static void answer(const char *text)
{
	assert_int_equal(send(bed.server, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	tls_session_expect(&session, text);
	handoff_bed_wait(bed.server, SIOCOUTQ, 0);
}

static void talk(void)
{
	tls_session_write(&session, "from the client", 15, 3);
	expect("from the client");
	answer("from the server");
}

static void session_goes_on(void **state)
{
	struct handoff_state_info info;
	struct handoff_state *moved;

	(void)state;
	for (int i = 0; i < MOVES; i++) {
		talk();
		talk();
		moved = handoff_bed_capture(&bed);
		handoff_state_get(moved, &info);
		assert_true(info.has_tls);
		handoff_bed_restore(&bed, moved);
	}
	talk();
	assert_int_equal(bed.gate->resets, 0);
}

static void refuse(int err, const char *words)
{
	struct handoff_state *none = NULL;

	assert_int_equal(handoff_capture(bed.handoff, bed.server, &none), err);
	if (!strstr(handoff_error(bed.handoff), words))
		fail_msg("it says: %s", handoff_error(bed.handoff));
	assert_null(none);
}

static void half_a_record_is_waited_for(void **state)
{
	(void)state;
	talk();
	tls_session_write(&session, "in two parts", 12, 1);
	handoff_bed_wait(bed.client, SIOCOUTQ, 0);
	for (int i = 0; i < 3; i++)
		refuse(-EAGAIN, "no whole record");
	tls_session_write(&session, NULL, 0, 2);
	expect("in two parts");
	handoff_bed_move(&bed);
	talk();
}

static void unread_record_is_waited_for(void **state)
{
	struct pollfd readable = { .fd = bed.server, .events = POLLIN };

	(void)state;
	tls_session_write(&session, "unread", 6, 3);
	assert_int_equal(poll(&readable, 1, WAIT_MS), 1);
	refuse(-EAGAIN, "read, and try again");
	expect("unr");
	refuse(-EAGAIN, "not read to its end");
	expect("ead");
	handoff_bed_move(&bed);
	talk();
}

static void unacknowledged_record_is_waited_for(void **state)
{
	(void)state;
	handoff_bed_shut(&bed, true);
	assert_int_equal(send(bed.server, "lost?", 5, 0), 5);
	refuse(-EAGAIN, "not acknowledged");
	handoff_bed_shut(&bed, false);
	tls_session_expect(&session, "lost?");
	handoff_bed_wait(bed.server, SIOCOUTQ, 0);
	handoff_bed_move(&bed);
	talk();
}

/* Its bytes are in no queue. */
static void record_that_was_begun_is_ended(void **state)
{
	(void)state;
	talk();
	handoff_bed_shut(&bed, true);
	assert_int_equal(send(bed.server, "begun, ", 7, MSG_MORE), 7);
	refuse(-EAGAIN, "not acknowledged");
	handoff_bed_shut(&bed, false);
	tls_session_expect(&session, "begun, ");
	handoff_bed_wait(bed.server, SIOCOUTQ, 0);
	assert_int_equal(handoff_check(bed.handoff, bed.server), 0);
	handoff_bed_move(&bed);
	talk();
}

/* The kernel takes parts of a record out of the queue, so that nothing is left to tell. */
static void small_buffer_is_refused(void **state)
{
	static char record[LARGE];
	int room = 4096;

	(void)state;
	assert_int_equal(setsockopt(bed.server, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	tls_session_write(&session, record, sizeof(record), 1);
	refuse(-EOPNOTSUPP, "too small for kTLS");
}

static void end_of_the_peer_is_refused(void **state)
{
	(void)state;
	assert_int_equal(shutdown(bed.client, SHUT_WR), 0);
	handoff_bed_wait_end(bed.server);
	refuse(-ESHUTDOWN, "under kTLS");
}

static void one_direction_is_refused(void **state)
{
	(void)state;
	handoff_bed_connect(&bed);
	assert_int_equal(setsockopt(bed.server, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")), 0);
	refuse(-EOPNOTSUPP, "only both directions");
}

static const struct row rows[] = {
	{ "TLS 1.2 with AES-GCM-128 goes on", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ "TLS 1.2 with AES-GCM-256 goes on", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ "TLS 1.2 with ChaCha20-Poly1305 goes on", TLS1_2_VERSION,
	  "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ "TLS 1.3 with AES-GCM-128 goes on", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" },
	{ "TLS 1.3 with AES-GCM-256 goes on", TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384" },
	{ "TLS 1.3 with ChaCha20-Poly1305 goes on", TLS1_3_VERSION,
	  "TLS_CHACHA20_POLY1305_SHA256" },
};

/* ENOENT: no kTLS; ENOTCONN: there is, but this socket has no peer. */
static bool has_ktls(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) && errno == ENOTCONN;

	close(fd);
	return has;
}

int main(void)
{
	struct tap_plan plan = {};

	/* A kernel without modules has it, or not. */
	(void)!system("modprobe -q tls");
	if (!has_ktls()) {
		puts("1..0 # SKIP this kernel has no kTLS");
		return 0;
	}
	TAP_ADD_ROWS(&plan, session_goes_on, rows, set_up, tear_down);
	TAP_ADD(&plan, half_a_record_is_waited_for, set_up, tear_down);
	TAP_ADD(&plan, unread_record_is_waited_for, set_up, tear_down);
	TAP_ADD(&plan, unacknowledged_record_is_waited_for, set_up, tear_down);
	TAP_ADD(&plan, record_that_was_begun_is_ended, set_up, tear_down);
	TAP_ADD(&plan, small_buffer_is_refused, set_up, tear_down);
	TAP_ADD(&plan, end_of_the_peer_is_refused, set_up, tear_down);
	TAP_ADD(&plan, one_direction_is_refused, set_up, tear_down);
	return tap_run(&plan, "connections under kTLS that move", 1);
}
