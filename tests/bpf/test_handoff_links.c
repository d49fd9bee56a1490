/* SPDX-License-Identifier: GPL-2.0-only */
/* Who is linked to a host of libhandoff_host, who is not, and that both hear why. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "programs/handoff/lib/peer/handoff_own.h"
#include "tests/support/handoff_others.h"

#define STRANGERS 17 /* for each byte of a greeting: they come that much faster */
#define SECOND_MS 1000

static struct handoff_others *const at = &handoff_others;

static int lines;
static char peer[128], words[256];

static void on_link(void *data, const char *name, bool is_up, const char *why)
{
	if (data || is_up)
		return;
	lines++;
	snprintf(peer, sizeof(peer), "%s", name);
	snprintf(words, sizeof(words), "%s", why);
}

static int open_and_listen(void **data)
{
	handoff_others_open(data);
	at->host->events.link = on_link;
	lines = 0;
	*peer = *words = 0;
	return 0;
}

/* --- why there is no link ---------------------------------------------------------------------- */

static void expect_end(const char *why)
{
	struct handoff_message message = handoff_other_hear(&at->first, HANDOFF_END);

	assert_string_equal(message.why, why);
}

/* The same is said to both; here by the address, as the name is only claimed. */
static void expect_refused(const char *name, const char *why)
{
	handoff_other_hello(&at->first, name);
	expect_end(why);
	assert_int_equal(lines, 1);
	assert_string_equal(words, why);
	assert_non_null(strstr(peer, HANDOFF_BED_IP4 ":"));
}

static void who_is_not_known_is_refused(void **data)
{
	(void)data;
	expect_refused("other", "it is 'other', which was not expected");
}

static void who_speaks_other_versions_is_refused(void **data)
{
	(void)data;
	at->versions[0] = at->versions[1] = 2;
	expect_refused("first", "'first' speaks versions 2 to 2, and this host 1");
}

static void who_speaks_this_version_as_well_is_linked(void **data)
{
	(void)data;
	at->versions[1] = HANDOFF_MESSAGE_VERSION + 2;
	handoff_other_greet(&at->first, "first");
}

/* What it has of this host's connections would be missed too late. */
static void who_may_be_silent_for_too_long_is_refused(void **data)
{
	(void)data;
	at->beat_ms = handoff_others_times.abandon / HANDOFF_SILENT_BEATS + 1;
	expect_refused("first", "'first' may be silent for longer than abandon (beat 100001 ms)");
}

static void who_may_be_silent_for_that_long_is_linked(void **data)
{
	(void)data;
	at->beat_ms = handoff_others_times.abandon / HANDOFF_SILENT_BEATS;
	handoff_other_greet(&at->first, "first");
}

static void what_is_said_is_one_line(void **data)
{
	(void)data;
	expect_refused("a\nb\33c", "it is 'a?b?c', which was not expected");
}

static void who_is_to_be_dialed_and_dials_is_refused(void **data)
{
	struct sockaddr_storage away = handoff_others_address("203.0.113.1", 7700);

	(void)data;
	assert_int_equal(handoff_host_add(at->host, "third", (struct sockaddr *)&away,
					  sizeof(struct sockaddr_in)),
			 0);
	handoff_other_hello(&at->first, "third");
	expect_end("'third' dials, and is to be dialed");
}

static void it_is_said_once_a_second(void **data)
{
	int64_t begin_ms = slot_clock_ms();

	(void)data;
	for (int i = 0; i < STRANGERS; i++) {
		handoff_other_hello(&at->first, "other");
		handoff_other_hear(&at->first, HANDOFF_END);
		close(at->first.fd);
		at->first.length = 0;
	}
	at->first.fd = -1;
	assert_in_range(lines, 1, 1 + (slot_clock_ms() - begin_ms) / SECOND_MS);
}

static int accept_one(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* The test is dialed here. */
static void who_is_refused_hears_why(void **data)
{
	const struct handoff_message no = { .type = HANDOFF_END, .why = "not\tyou" };
	struct sockaddr_storage to = handoff_others_address(HANDOFF_BED_IP4, 7701);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)data;
	assert_int_equal(bind(listener, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(handoff_host_add(at->host, "third", (struct sockaddr *)&to,
					  sizeof(struct sockaddr_in)),
			 0);
	HANDOFF_OTHERS_UNTIL((at->first.fd = accept_one(listener)) >= 0);
	handoff_other_hear(&at->first, HANDOFF_HELLO);
	handoff_other_say(&at->first, &no);
	HANDOFF_OTHERS_UNTIL(lines);
	assert_string_equal(peer, "third");
	assert_string_equal(words, "it says: not?you");
	close(listener);
}

/* --- strangers that want to keep others out ---------------------------------------------------- */

#define PIECE 12 /* of HELLO, in bytes: some four of them, within the time for a greeting */

static int strangers[STRANGERS];

static int dial_from(in_addr_t address)
{
	struct sockaddr_storage to = handoff_others_address(HANDOFF_BED_IP4, 7700);
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = address };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), 0);
	return fd;
}

static void dial_strangers(bool are_of_one)
{
	for (unsigned int i = 0; i < STRANGERS; i++) {
		if (strangers[i])
			close(strangers[i]);
		strangers[i] = dial_from(htonl(0x7f000101 + (are_of_one ? 0 : i)));
		handoff_others_run(0);
	}
}

static void greet_among_strangers(bool are_of_one)
{
	struct handoff_message hello = {
		.type = HANDOFF_HELLO,
		.hello = { .instance = 1,
			   .beat_ms = at->beat_ms,
			   .first = HANDOFF_MESSAGE_VERSION,
			   .last = HANDOFF_MESSAGE_VERSION,
			   .name = "first" },
	};
	uint8_t bytes[128];
	size_t length;

	assert_int_equal(handoff_message_format(&hello, bytes, sizeof(bytes), &length), 0);
	at->first.fd = handoff_other_dial();
	at->first.length = 0;
	for (size_t i = 0; i < length; i += PIECE) {
		size_t piece = length - i < PIECE ? length - i : PIECE;

		dial_strangers(are_of_one);
		assert_int_equal(send(at->first.fd, bytes + i, piece, MSG_NOSIGNAL), piece);
		handoff_others_run(0);
	}
	HANDOFF_OTHERS_UNTIL(handoff_host_is_linked(at->host, "first"));
	for (unsigned int i = 0; i < STRANGERS; i++) {
		close(strangers[i]);
		strangers[i] = 0;
	}
}

static void strangers_of_one_address_keep_nobody_out(void **data)
{
	(void)data;
	greet_among_strangers(true);
}

static void strangers_of_many_keep_nobody_out_who_was_linked(void **data)
{
	(void)data;
	handoff_other_greet(&at->first, "first");
	close(at->first.fd);
	HANDOFF_OTHERS_UNTIL(!handoff_host_is_linked(at->host, "first"));
	greet_among_strangers(false);
}

#define ADD(test) TAP_ADD(&plan, test, open_and_listen, handoff_others_close)

/* --- words --------------------------------------------------------------------------------- */

static void who_is_dialed_has_a_port(void **data)
{
	static const char *const wrong[] = { "third@203.0.113.1", "third@203.0.113.1:0" };

	(void)data;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(handoff_host_add_word(at->host, wrong[i]), -EINVAL);
		assert_non_null(strstr(handoff_host_error(at->host), "no NAME@ADDRESS:PORT"));
	}
}

static void where_it_cannot_listen_is_said(void **data)
{
	struct sockaddr_storage taken = {};
	socklen_t length = sizeof(taken);
	struct handoff_host_config config = { .name = "again",
					      .map_dir = PROGRAM_BED_DIR,
					      .is_plain = true };
	struct handoff_host *again;
	char said[128];

	(void)data;
	assert_int_equal(getsockname(at->host->listener, (struct sockaddr *)&taken, &length), 0);
	config.listen = taken;
	config.listen_length = length;
	assert_int_equal(handoff_host_new(&config, &again), -EADDRINUSE);
	snprintf(said, sizeof(said), "cannot listen at %s:%u: Address already in use",
		 HANDOFF_BED_IP4, ntohs(((struct sockaddr_in *)&taken)->sin_port));
	assert_string_equal(handoff_host_error(again), said);
	handoff_host_free(again);
}

int main(void)
{
	struct tap_plan plan = {};

	ADD(who_is_not_known_is_refused);
	ADD(who_speaks_other_versions_is_refused);
	ADD(who_speaks_this_version_as_well_is_linked);
	ADD(who_may_be_silent_for_too_long_is_refused);
	ADD(who_may_be_silent_for_that_long_is_linked);
	ADD(what_is_said_is_one_line);
	ADD(who_is_to_be_dialed_and_dials_is_refused);
	ADD(it_is_said_once_a_second);
	ADD(who_is_refused_hears_why);
	ADD(strangers_of_one_address_keep_nobody_out);
	ADD(strangers_of_many_keep_nobody_out_who_was_linked);
	ADD(who_is_dialed_has_a_port);
	ADD(where_it_cannot_listen_is_said);
	return tap_run(&plan, "links of libhandoff_host", 1);
}
