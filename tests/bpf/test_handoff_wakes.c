/* SPDX-License-Identifier: GPL-2.0-only */
/* When a host of libhandoff_host wakes its application: in time, for all that is due, and not else. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_own.h"
#include "tests/support/handoff_others.h"

#define MANY 65 /* that are asked: one more than in one run */
#define RETRIES_MS 300
#define RETRIES_MAX 50 /* in that time, of which each is later than the one before by more */

static struct handoff_others *const at = &handoff_others;

/* --- clients that are asked -------------------------------------------------------------------- */

static struct handoff_state *copy_state(void)
{
	size_t size = handoff_state_size(at->state);
	uint8_t *bytes = malloc(size);
	struct handoff_state *copy;

	assert_non_null(bytes);
	assert_int_equal(handoff_state_format(at->state, bytes, size), 0);
	assert_int_equal(handoff_state_parse(bytes, size, &copy), 0);
	free(bytes);
	return copy;
}

/* Nothing else wakes it: no step, no beat. */
static void more_clients_than_one_run_asks(void **data)
{
	(void)data;
	handoff_others_take();
	for (unsigned int i = 0; i < MANY; i++) {
		struct handoff_conn conn = {
			.id = HANDOFF_OTHERS_ID + 1 + i,
			.home = handoff_others_place(&at->bed.address),
			.here = handoff_others_place(&at->bed.address),
			.state = copy_state(),
		};

		handoff_nudge_begin(at->host, &conn);
		assert_null(conn.state);
	}
	assert_false(TAILQ_EMPTY(&at->host->nudges));
	HANDOFF_OTHERS_UNTIL(TAILQ_EMPTY(&at->host->nudges));
}

/* --- hosts that cannot be reached -------------------------------------------------------------- */

static int misses;
static char words[128];

static void on_link(void *data, const char *peer, bool is_up, const char *why)
{
	misses += !data && !is_up && !strcmp(peer, "away");
	snprintf(words, sizeof(words), "%s", why);
}

static void no_way_to_a_host_is_tried_later_and_later(void **data)
{
	struct sockaddr_storage away = handoff_others_address("203.0.113.1", 7700);
	int64_t end_ms = slot_clock_ms() + RETRIES_MS;
	int wakes;

	(void)data;
	misses = 0;
	at->host->events.link = on_link;
	assert_int_equal(handoff_host_add(at->host, "away", (struct sockaddr *)&away,
					  sizeof(struct sockaddr_in)),
			 0);
	for (wakes = 0; slot_clock_ms() < end_ms; wakes++) {
		struct pollfd wake = { .fd = handoff_host_fd(at->host), .events = POLLIN };

		if (poll(&wake, 1, 20) > 0)
			handoff_host_run(at->host);
	}
	HANDOFF_OTHERS_UNTIL(misses);
	assert_string_equal(words, strerror(ENETUNREACH));
	assert_true(wakes < RETRIES_MAX);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, more_clients_than_one_run_asks, handoff_others_open, handoff_others_close);
	TAP_ADD(&plan, no_way_to_a_host_is_tried_later_and_later, handoff_others_open,
		handoff_others_close);
	return tap_run(&plan, "when libhandoff_host wakes its application", 1);
}
