/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections that go to a host that this one has not talked to yet: its first packet is theirs. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/handoff_others.h"

#define ANSWERS "198.51.100.8"
#define SILENT "198.51.100.6"

static struct handoff_others *const at = &handoff_others;

/* In this namespace, at the other end of the wire: as a router would for it. */
static int open_with_a_neighbour(void **data)
{
	handoff_others_open(data);
	assert_int_equal(system("cd /proc/sys/net/ipv4 && echo 1 >conf/far/forwarding && "
				"echo 1 >conf/far/accept_local && echo 0 >conf/far/rp_filter && "
				"echo 0 >conf/all/rp_filter && echo 0 >neigh/far/proxy_delay && "
				"{ ip neigh flush dev near " ANSWERS
				"; ip neigh flush dev near " SILENT
				"; ip neigh replace proxy " ANSWERS " dev far; }"),
			 0);
	return 0;
}

/* Home gives it, and hears that it is at @address. Returns its id. */
static uint64_t offer(const char *address)
{
	struct sockaddr_storage there = handoff_others_address(address, 443);
	struct handoff_message ack = { .type = HANDOFF_ACK, .turn = 1 };

	handoff_bed_connect(&at->bed);
	assert_int_equal(handoff_host_send(at->host, at->bed.server, "first", NULL, NULL, 0), 0);
	at->bed.server = -1;
	ack.id = handoff_other_hear(&at->first, HANDOFF_REQUEST).id;
	ack.place = handoff_others_place(&there);
	handoff_other_say(&at->first, &ack);
	/* A second one changes nothing. */
	handoff_other_say(&at->first, &ack);
	return ack.id;
}

static void the_first_connection_to_a_host_goes_there(void **data)
{
	uint64_t id;

	(void)data;
	handoff_other_greet(&at->first, "first");
	id = offer(ANSWERS);
	handoff_other_hear(&at->first, HANDOFF_READY);
	handoff_other_word(&at->first, HANDOFF_DONE, id, 1);
	HANDOFF_OTHERS_UNTIL(at->ends);
	assert_int_equal(at->kept_fd, -1);
}

static void what_nobody_answers_for_stays(void **data)
{
	struct handoff_message cancel;

	(void)data;
	handoff_other_greet(&at->first, "first");
	offer(SILENT);
	cancel = handoff_other_hear(&at->first, HANDOFF_CANCEL);
	assert_non_null(strstr(cancel.why, "the MAC address of the next hop"));
	HANDOFF_OTHERS_UNTIL(at->kept_fd >= 0);
	handoff_bed_say(at->bed.client, at->kept_fd, "as it was");
}

static void what_ends_while_the_way_is_asked_for_ends(void **data)
{
	(void)data;
	handoff_other_greet(&at->first, "first");
	offer(SILENT);
	handoff_others_run(0);
	handoff_host_free(at->host);
	at->host = NULL;
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, the_first_connection_to_a_host_goes_there, open_with_a_neighbour,
		handoff_others_close);
	TAP_ADD(&plan, what_nobody_answers_for_stays, open_with_a_neighbour, handoff_others_close);
	TAP_ADD(&plan, what_ends_while_the_way_is_asked_for_ends, open_with_a_neighbour,
		handoff_others_close);
	return tap_run(&plan, "ways to hosts that are not known yet", 1);
}
