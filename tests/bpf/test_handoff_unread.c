/* SPDX-License-Identifier: GPL-2.0-only */
/* What an application has read of a connection that moves is read again by the next one. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "tests/support/handoff_bed.h"
#include "tests/support/tap.h"

#define STEP 5000		 /* bytes that any window has room for */
#define MUCH (60 * (size_t)STEP) /* more than a buffer that nobody has used */

static struct handoff_bed bed;
static uint8_t bytes[MUCH + STEP], heard[MUCH + STEP];

static const struct row {
	const char *name;
	int family;
} rows[] = {
	{ "what was read is unread again, over IPv4", AF_INET },
	{ "what was read is unread again, over IPv6", AF_INET6 },
};

static int set_up(void **state)
{
	const struct row *row = *state;

	handoff_bed_open(&bed, row ? row->family : AF_INET, NULL);
	handoff_bed_connect(&bed);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = handoff_bed_byte(i);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_bed_close(&bed);
	return 0;
}

static void say(size_t from, size_t len)
{
	assert_int_equal(send(bed.client, bytes + from, len, MSG_NOSIGNAL), len);
}

static void expect(size_t from, size_t len)
{
	struct pollfd readable = { .fd = bed.server, .events = POLLIN };
	ssize_t got;

	for (size_t done = 0; done < len; done += (size_t)got) {
		assert_int_equal(poll(&readable, 1, 10000), 1);
		got = recv(bed.server, heard + done, len - done, MSG_DONTWAIT);
		assert_true(got > 0);
	}
	assert_memory_equal(heard, bytes + from, len);
}

static void what_was_read_is_unread_again(void **state)
{
	struct handoff_state_info info;
	struct handoff_state *moved;

	(void)state;
	say(0, STEP);
	handoff_bed_wait(bed.server, SIOCINQ, STEP);
	expect(0, STEP / 2);
	moved = handoff_bed_capture(&bed);
	assert_int_equal(handoff_state_unread(moved, bytes, STEP / 2), 0);
	handoff_state_get(moved, &info);
	assert_int_equal(info.unread, STEP);
	handoff_bed_restore(&bed, handoff_bed_copy(moved));
	say(STEP, STEP);
	expect(0, 2 * STEP);
	handoff_bed_say(bed.server, bed.client, "all of it");
	assert_int_equal(bed.gate->resets, 0);
}

static void much_is_unread_again(void **state)
{
	struct handoff_state *moved;

	(void)state;
	for (size_t done = 0; done < MUCH; done += STEP) {
		say(done, STEP);
		expect(done, STEP);
	}
	moved = handoff_bed_capture(&bed);
	assert_int_equal(handoff_state_unread(moved, bytes, MUCH), 0);
	handoff_bed_restore(&bed, moved);
	say(MUCH, STEP);
	expect(0, MUCH + STEP);
	handoff_bed_say(bed.server, bed.client, "all of it");
	assert_int_equal(bed.gate->resets, 0);
}

static void more_than_a_queue_holds_is_refused(void **state)
{
	struct handoff_state *moved;

	(void)state;
	say(0, 1);
	handoff_bed_wait(bed.server, SIOCINQ, 1);
	moved = handoff_bed_capture(&bed);
	assert_int_equal(handoff_state_unread(moved, bytes, HANDOFF_QUEUE_MAX), -EFBIG);
	handoff_bed_restore(&bed, moved);
	say(1, STEP);
	expect(0, 1 + STEP);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_ROWS(&plan, what_was_read_is_unread_again, rows, set_up, tear_down);
	TAP_ADD(&plan, much_is_unread_again, set_up, tear_down);
	TAP_ADD(&plan, more_than_a_queue_holds_is_refused, set_up, tear_down);
	return tap_run(&plan, "bytes that are unread again", 1);
}
