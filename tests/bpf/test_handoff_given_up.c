/* SPDX-License-Identifier: GPL-2.0-only */
/* What home has given up, and who serves it has not heard of, as the word was lost with the link. */
#include <errno.h>
#include <unistd.h>

#include "programs/handoff/lib/peer/handoff_own.h"
#include "tests/support/handoff_others.h"

#define NOBODYS_ID 0xabc9

static struct handoff_others *const at = &handoff_others;

static void home_says_what_nobody_has(void **data)
{
	(void)data;
	handoff_other_greet(&at->first, "first");
	handoff_other_word(&at->first, HANDOFF_DONE, NOBODYS_ID, 3);
	assert_int_equal(handoff_other_hear(&at->first, HANDOFF_CANCEL).id, NOBODYS_ID);
}

static int note_id(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	(void)key;
	*(uint64_t *)data = rule->id;
	return 1;
}

/* Its rule leads there still, and the next process knows of that alone. */
static void what_a_process_of_before_gave_is_let_be(void **data)
{
	struct sockaddr_storage there = handoff_others_address(HANDOFF_OTHERS_TAKER, 443);
	struct handoff_message message;
	uint64_t id = 0;

	(void)data;
	handoff_bed_connect(&at->bed);
	handoff_other_greet(&at->first, "first");
	assert_int_equal(handoff_host_send(at->host, at->bed.server, "first", NULL, NULL, 0), 0);
	at->bed.server = -1;
	message = handoff_other_hear(&at->first, HANDOFF_REQUEST);
	handoff_other_say(&at->first, &(struct handoff_message){
					      .type = HANDOFF_ACK,
					      .id = message.id,
					      .turn = 1,
					      .place = handoff_others_place(&there),
				      });
	handoff_other_hear(&at->first, HANDOFF_READY);
	handoff_rules_each(&at->rules, note_id, &id);
	assert_int_equal(id, message.id);
	handoff_table_free(at->host, handoff_table_find_id(at->host, id));
	handoff_other_word(&at->first, HANDOFF_DONE, id, 1);
	handoff_other_word(&at->first, HANDOFF_DONE, NOBODYS_ID, 1);
	assert_int_equal(handoff_other_hear(&at->first, HANDOFF_CANCEL).id, NOBODYS_ID);
}

static int lost_fd;
static void *ended_tag; /* of given() and kept() */

static void on_lost(void *data, void *tag, int fd, const char *why)
{
	lost_fd = data || tag || !why ? -1 : fd;
}

static void on_given(void *data, void *tag)
{
	(void)data;
	ended_tag = tag;
}

static void on_kept(void *data, void *tag, int fd, const char *why)
{
	at->kept_fd = data || !why ? -1 : fd;
	ended_tag = tag;
}

static void set_events(void)
{
	lost_fd = -1;
	ended_tag = NULL;
	at->host->events.given = on_given;
	at->host->events.kept = on_kept;
	at->host->events.lost = on_lost;
}

static void say_with_words(enum handoff_message_type type, uint32_t turn)
{
	handoff_other_say(&at->first, &(struct handoff_message){ .type = type,
								 .id = HANDOFF_OTHERS_ID,
								 .turn = turn,
								 .why = "nobody has it" });
}

/* It goes home with a tag. */
static void go_home(void *tag)
{
	assert_int_equal(handoff_host_send(at->host, at->taken_fd, NULL, tag, NULL, 0), 0);
	handoff_other_hear(&at->first, HANDOFF_BACK);
}

static void who_serves_it_asks_when_the_link_is_back(void **data)
{
	struct sockaddr_storage client;
	socklen_t length = sizeof(client);

	(void)data;
	handoff_others_take();
	set_events();
	close(at->first.fd);
	at->first.length = 0;
	HANDOFF_OTHERS_UNTIL(!handoff_host_is_linked(at->host, "first"));
	handoff_other_greet(&at->first, "first");
	assert_int_equal(handoff_other_hear(&at->first, HANDOFF_DONE).id, HANDOFF_OTHERS_ID);
	say_with_words(HANDOFF_CANCEL, 1);
	HANDOFF_OTHERS_UNTIL(lost_fd >= 0);
	assert_int_equal(lost_fd, at->taken_fd);
	assert_int_equal(getpeername(lost_fd, (struct sockaddr *)&client, &length), -1);
	assert_int_equal(errno, ENOTCONN);
}

/* The application has freed the tag by which it gave the connection. */
static void what_came_again_is_lost_without_its_old_tag(void **data)
{
	int tag;

	(void)data;
	handoff_others_take();
	set_events();
	go_home(&tag);
	handoff_other_word(&at->first, HANDOFF_ACK, HANDOFF_OTHERS_ID, 2);
	handoff_other_hear(&at->first, HANDOFF_READY);
	handoff_other_word(&at->first, HANDOFF_DONE, HANDOFF_OTHERS_ID, 2);
	HANDOFF_OTHERS_UNTIL(ended_tag == &tag);
	at->taken_fd = -1;
	handoff_other_offer(&at->first, HANDOFF_REQUEST, HANDOFF_OTHERS_ID, 3, "");
	handoff_other_hear(&at->first, HANDOFF_ACK);
	handoff_other_word(&at->first, HANDOFF_READY, HANDOFF_OTHERS_ID, 3);
	HANDOFF_OTHERS_UNTIL(at->taken_fd >= 0);
	say_with_words(HANDOFF_CANCEL, 3);
	HANDOFF_OTHERS_UNTIL(lost_fd >= 0);
	assert_int_equal(lost_fd, at->taken_fd);
}

static void so_is_what_was_kept(void **data)
{
	int tag;

	(void)data;
	handoff_others_take();
	set_events();
	go_home(&tag);
	say_with_words(HANDOFF_REFUSE, 2);
	HANDOFF_OTHERS_UNTIL(ended_tag == &tag);
	say_with_words(HANDOFF_CANCEL, 2);
	HANDOFF_OTHERS_UNTIL(lost_fd >= 0);
	assert_int_equal(lost_fd, at->taken_fd);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, home_says_what_nobody_has, handoff_others_open, handoff_others_close);
	TAP_ADD(&plan, what_a_process_of_before_gave_is_let_be, handoff_others_open,
		handoff_others_close);
	TAP_ADD(&plan, who_serves_it_asks_when_the_link_is_back, handoff_others_open,
		handoff_others_close);
	TAP_ADD(&plan, what_came_again_is_lost_without_its_old_tag, handoff_others_open,
		handoff_others_close);
	TAP_ADD(&plan, so_is_what_was_kept, handoff_others_open, handoff_others_close);
	return tap_run(&plan, "what home has given up", 1);
}
