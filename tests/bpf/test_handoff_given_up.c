/* SPDX-License-Identifier: GPL-2.0-only */
/* What home has given up, and who serves it has not heard of, as the word was lost with the link. */
#include <errno.h>
#include <unistd.h>

#include <bpf/bpf.h>

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

/* Its rule leads there still, and the next process knows of that alone. */
static void what_a_process_of_before_gave_is_let_be(void **data)
{
	uint64_t id = handoff_others_ready();

	(void)data;
	assert_int_equal(handoff_others_rule().rule.id, id);
	handoff_table_free(at->host, handoff_table_find_id(at->host, id));
	handoff_other_word(&at->first, HANDOFF_DONE, id, 1);
	handoff_other_word(&at->first, HANDOFF_DONE, NOBODYS_ID, 1);
	assert_int_equal(handoff_other_hear(&at->first, HANDOFF_CANCEL).id, NOBODYS_ID);
}

/* As the programs see it of a client that begins anew. */
static void reuse_rule(void)
{
	struct handoff_others_rule one = handoff_others_rule();

	one.rule.use.seen |= HANDOFF_REUSED;
	assert_int_equal(bpf_map_update_elem(at->rules.table, &one.key, &one.rule, BPF_EXIST), 0);
}

/* By the port that the client had before. */
static void connect_again(void)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct sockaddr_storage client = {};
	socklen_t length = sizeof(client);

	assert_int_equal(getsockname(at->bed.client, (struct sockaddr *)&client, &length), 0);
	setsockopt(at->bed.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(at->bed.client);
	at->bed.client = socket(client.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(at->bed.client, (struct sockaddr *)&client, length), 0);
	assert_int_equal(connect(at->bed.client, (struct sockaddr *)&at->bed.address,
				 at->bed.address_len),
			 0);
	at->bed.server = accept4(at->bed.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(at->bed.server >= 0);
}

static const struct again_row {
	const char *name;
	bool is_over; /* who had it says that it is closed */
	bool is_removed;
} again_rows[] = {
	{ "a client that uses its port again is moved again", false, false },
	{ "or after the old connection's end", true, false },
	{ "or where its rule was removed", false, true },
};

static void goes_again(void **data)
{
	const struct again_row *row = *data;
	struct handoff_others_rule old;
	uint64_t id;

	id = handoff_others_ready();
	handoff_other_word(&at->first, row->is_over ? HANDOFF_GONE : HANDOFF_DONE, id, 1);
	HANDOFF_OTHERS_UNTIL(at->ends);
	connect_again();
	/* a rule that leads there is another connection's */
	assert_int_equal(handoff_host_send(at->host, at->bed.server, "first", NULL, NULL, 0),
			 -EBUSY);
	old = handoff_others_rule();
	if (row->is_removed)
		assert_int_equal(handoff_rules_remove(&at->rules, &old.key, id), 0);
	else
		reuse_rule();
	assert_int_equal(handoff_host_send(at->host, at->bed.server, "first", NULL, NULL, 0), 0);
	at->bed.server = -1;
	assert_int_not_equal(handoff_other_hear(&at->first, HANDOFF_REQUEST).id, id);
	/* who had the old one asks */
	handoff_other_word(&at->first, HANDOFF_DONE, id, 1);
	assert_int_equal(handoff_other_hear(&at->first, HANDOFF_CANCEL).id, id);
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
	TAP_ADD_ROWS(&plan, goes_again, again_rows, handoff_others_open, handoff_others_close);
	TAP_ADD(&plan, who_serves_it_asks_when_the_link_is_back, handoff_others_open,
		handoff_others_close);
	TAP_ADD(&plan, what_came_again_is_lost_without_its_old_tag, handoff_others_open,
		handoff_others_close);
	TAP_ADD(&plan, so_is_what_was_kept, handoff_others_open, handoff_others_close);
	return tap_run(&plan, "what home has given up", 1);
}
