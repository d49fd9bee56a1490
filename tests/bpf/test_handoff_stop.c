/* SPDX-License-Identifier: GPL-2.0-only */
/* A process of libhandoff_host that is about to end, and the test as other hosts. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/handoff_others.h"

static struct handoff_others *const at = &handoff_others;

static bool is_refused(uint32_t turn)
{
	struct handoff_message refuse = handoff_other_hear(&at->first, HANDOFF_REFUSE);

	return refuse.turn == turn && strstr(refuse.why, "about to end");
}

/* What is said before the end, and was not asked for, is lost. */
static void hang_up_at_end(struct handoff_other *other)
{
	if (other->fd >= 0 && recv(other->fd, other->bytes, HANDOFF_OTHER_MAX, MSG_DONTWAIT) == 0) {
		close(other->fd);
		other->fd = -1;
	}
}

/* Others end their side of links when they have read to the end. */
static bool has_ended(void)
{
	hang_up_at_end(&at->first);
	hang_up_at_end(&at->second);
	return !handoff_host_is_busy(at->host);
}

/* The application hears of the first, which was on its way. */
static void one_that_is_stopped_takes_what_is_on_its_way_alone(void **data)
{
	(void)data;
	handoff_others_begin();
	assert_true(handoff_host_is_busy(at->host));
	handoff_host_stop(at->host);
	handoff_other_offer(&at->first, HANDOFF_REQUEST, HANDOFF_OTHERS_ID + 1, 1, "");
	assert_true(is_refused(1));
	assert_true(handoff_host_is_busy(at->host));
	handoff_other_word(&at->first, HANDOFF_READY, HANDOFF_OTHERS_ID, 1);
	HANDOFF_OTHERS_UNTIL(at->taken_fd >= 0);
	assert_int_equal(handoff_host_send(at->host, at->taken_fd, NULL, NULL, NULL, 0),
			 -ESHUTDOWN);
	assert_true(handoff_host_is_busy(at->host));
	/* It was said before the end, and whatever the other one says meanwhile. */
	handoff_other_offer(&at->first, HANDOFF_REQUEST, HANDOFF_OTHERS_ID + 2, 1, "");
	handoff_others_run(50);
	handoff_other_hear(&at->first, HANDOFF_DONE);
	HANDOFF_OTHERS_UNTIL(has_ended());
	assert_int_equal(at->first.fd, -1);
}

static void home_that_is_stopped_takes_nothing_back(void **data)
{
	uint64_t id = handoff_others_give();

	(void)data;
	handoff_host_stop(at->host);
	handoff_other_offer(&at->first, HANDOFF_BACK, id, 2, "");
	assert_true(is_refused(2));
	HANDOFF_OTHERS_UNTIL(has_ended());
}

/* Or packets of theirs that are lost leave them waiting for ever. */
static void it_is_busy_until_clients_were_asked(void **data)
{
	uint64_t id = handoff_others_give();

	(void)data;
	assert_false(handoff_host_is_busy(at->host));
	handoff_other_word(&at->first, HANDOFF_RESET, id, 1);
	HANDOFF_OTHERS_UNTIL(handoff_host_is_busy(at->host));
	handoff_host_stop(at->host);
	assert_true(handoff_host_is_linked(at->host, "first"));
	HANDOFF_OTHERS_UNTIL(has_ended());
}

#define ADD(test) TAP_ADD(&plan, test, handoff_others_open, handoff_others_close)

int main(void)
{
	struct tap_plan plan = {};

	ADD(one_that_is_stopped_takes_what_is_on_its_way_alone);
	ADD(home_that_is_stopped_takes_nothing_back);
	ADD(it_is_busy_until_clients_were_asked);
	return tap_run(&plan, "libhandoff_host, and how it ends", 1);
}
