/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/handoff_others.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "programs/handoff/cli/handoff_cli.h"
#include "tests/support/progrun.h"

#define LINK_PORT 7700
#define CLIENT "198.51.100.9"

struct handoff_others handoff_others;
static struct handoff_others *const at = &handoff_others;

/* Neither clients nor other hosts answer what is sent to them by this. */
#define NETWORK                                                                                    \
	"ip link show near >/dev/null 2>&1 || { ip link add near type veth peer name far && "      \
	"ip link set near up && ip link set far up && ip address add 198.51.100.1/24 dev near && " \
	"ip neigh add " HANDOFF_OTHERS_TAKER                                                       \
	" lladdr 02:00:00:00:00:07 dev near nud permanent && "                                     \
	"ip neigh add " CLIENT " lladdr 02:00:00:00:00:09 dev near nud permanent; }"

const struct handoff_host_times handoff_others_times = {
	.ack = 10000,
	.ready = 20000,
	.done = 30000,
	.abandon = 600000,
	.linger = 200,
	.idle = 1200000,
	.beat = 60000,
};

/* --- the host ---------------------------------------------------------------------------------- */

static void on_taken(void *data, int fd, const struct handoff_taken *what)
{
	at->taken_fd = data ? -1 : fd;
	at->taken_id = what->id;
}

static void on_kept(void *data, void *tag, int fd, const char *why)
{
	at->kept_fd = data || tag || !why ? -1 : fd;
}

static void on_given(void *data, void *tag)
{
	at->ends += !data && !tag;
}

struct sockaddr_storage handoff_others_address(const char *text, uint16_t port)
{
	struct sockaddr_storage address = { .ss_family = AF_INET };
	struct sockaddr_in *ip4 = (struct sockaddr_in *)&address;

	ip4->sin_port = htons(port);
	inet_pton(AF_INET, text, &ip4->sin_addr);
	return address;
}

void handoff_others_open_with(const struct handoff_host_times *times)
{
	struct handoff_host_config config = {
		.name = "here",
		.map_dir = PROGRAM_BED_DIR,
		.is_plain = true,
		.listen = handoff_others_address(HANDOFF_BED_IP4, LINK_PORT),
		.listen_length = sizeof(struct sockaddr_in),
		.local = { handoff_others_address(HANDOFF_BED_IP4, 0) },
		.times = *times,
		.events = { .taken = on_taken, .kept = on_kept, .given = on_given },
	};
	struct slot_reason why = {};

	handoff_bed_open(&at->bed, AF_INET, NETWORK);
	program_bed_open(&at->maps, &handoff_cli, progrun_open("bpf/handoff.bpf.o"));
	assert_int_equal(handoff_rules_open(PROGRAM_BED_DIR, true, &why, &at->rules), 0);
	assert_int_equal(handoff_host_new(&config, &at->host), 0);
	assert_int_equal(handoff_host_add(at->host, "first", NULL, 0), 0);
	assert_int_equal(handoff_host_add(at->host, "second", NULL, 0), 0);
	at->first.fd = at->second.fd = at->taken_fd = at->kept_fd = -1;
	at->first.length = at->second.length = 0;
	at->ends = 0;
	at->taken_id = 0;
	at->versions[0] = at->versions[1] = HANDOFF_MESSAGE_VERSION;
	at->beat_ms = times->beat;
}

int handoff_others_open(void **data)
{
	(void)data;
	handoff_others_open_with(&handoff_others_times);
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int handoff_others_close(void **data)
{
	(void)data;
	handoff_host_free(at->host);
	at->host = NULL;
	close_one(&at->first.fd);
	close_one(&at->second.fd);
	close_one(&at->taken_fd);
	handoff_state_free(at->state);
	at->state = NULL;
	handoff_rules_close(&at->rules);
	program_bed_close(&at->maps);
	handoff_bed_close(&at->bed);
	return 0;
}

void handoff_others_run(int64_t ms)
{
	int64_t end = slot_clock_ms() + ms;

	do {
		struct pollfd wake = { .fd = handoff_host_fd(at->host), .events = POLLIN };
		int64_t left = end - slot_clock_ms();

		if (poll(&wake, 1, left > 10 ? 10 : left > 0 ? (int)left : 0) > 0)
			assert_int_equal(handoff_host_run(at->host), 0);
	} while (slot_clock_ms() < end);
}

/* --- other hosts ------------------------------------------------------------------------------- */

int handoff_other_dial(void)
{
	struct sockaddr_storage to = handoff_others_address(HANDOFF_BED_IP4, LINK_PORT);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), 0);
	return fd;
}

void handoff_other_say(const struct handoff_other *other, const struct handoff_message *message)
{
	uint8_t bytes[HANDOFF_OTHER_MAX];
	size_t length;

	assert_int_equal(handoff_message_format(message, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(send(other->fd, bytes, length, MSG_NOSIGNAL), length);
}

void handoff_other_word(const struct handoff_other *other, enum handoff_message_type type,
			uint64_t id, uint32_t turn)
{
	handoff_other_say(other, &(struct handoff_message){ .type = type, .id = id, .turn = turn });
}

static bool has_heard(struct handoff_other *other, enum handoff_message_type type,
		      struct handoff_message *ret_message)
{
	ssize_t got = recv(other->fd, other->bytes + other->length,
			   HANDOFF_OTHER_MAX - other->length, MSG_DONTWAIT);
	size_t length;

	other->length += got > 0 ? (size_t)got : 0;
	while (!handoff_message_parse(other->bytes, other->length, ret_message, &length)) {
		other->length -= length;
		/* A copy is what it points to, or the next message would lie over it. */
		if (ret_message->type == HANDOFF_REQUEST) {
			handoff_state_free(at->state);
			assert_int_equal(handoff_state_parse(ret_message->offer.state,
							     ret_message->offer.state_len,
							     &at->state),
					 0);
		}
		if (ret_message->type == HANDOFF_REFUSE || ret_message->type == HANDOFF_RESET ||
		    ret_message->type == HANDOFF_CANCEL)
			fprintf(stderr, "# it says: %s\n", ret_message->why);
		memmove(other->bytes, other->bytes + length, other->length);
		if (ret_message->type == type)
			return true;
	}
	return false;
}

struct handoff_message handoff_other_hear(struct handoff_other *other,
					  enum handoff_message_type type)
{
	struct handoff_message message = {};

	HANDOFF_OTHERS_UNTIL(has_heard(other, type, &message));
	return message;
}

void handoff_other_hello(struct handoff_other *other, const char *name)
{
	struct handoff_message hello = {
		.type = HANDOFF_HELLO,
		.hello = { .instance = 1,
			   .beat_ms = at->beat_ms,
			   .first = at->versions[0],
			   .last = at->versions[1] },
	};

	memcpy(hello.hello.name, name, strlen(name));
	other->fd = handoff_other_dial();
	handoff_other_say(other, &hello);
}

void handoff_other_greet(struct handoff_other *other, const char *name)
{
	handoff_other_hello(other, name);
	handoff_other_hear(other, HANDOFF_HELLO);
	HANDOFF_OTHERS_UNTIL(handoff_host_is_linked(at->host, name));
}

struct handoff_place handoff_others_place(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *ip4 = (const struct sockaddr_in *)address;
	struct handoff_place place = { .addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(place.addr + 12, &ip4->sin_addr, sizeof(ip4->sin_addr));
	place.port = ntohs(ip4->sin_port);
	return place;
}

void handoff_other_offer(const struct handoff_other *other, enum handoff_message_type type,
			 uint64_t id, uint32_t turn, const char *onward)
{
	struct handoff_state_info info;
	uint8_t bytes[HANDOFF_OTHER_MAX / 2];
	struct handoff_message message = { .type = type, .id = id, .turn = turn };

	handoff_state_get(at->state, &info);
	assert_int_equal(handoff_state_format(at->state, bytes, sizeof(bytes)), 0);
	message.offer.client = handoff_others_place(&info.peer);
	message.offer.home = handoff_others_place(&at->bed.address);
	message.offer.state = bytes;
	message.offer.state_len = handoff_state_size(at->state);
	memcpy(message.offer.onward, onward, strlen(onward));
	handoff_other_say(other, &message);
}

/* A connection of a client that hears nothing of what is sent to it afterwards. */
static void handoff_others_capture(void)
{
	struct sockaddr_storage from = handoff_others_address(CLIENT, 0);

	assert_int_equal(system("ip address add " CLIENT "/32 dev lo"), 0);
	at->bed.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(at->bed.client, (struct sockaddr *)&from, sizeof(struct sockaddr_in)),
			 0);
	assert_int_equal(connect(at->bed.client, (struct sockaddr *)&at->bed.address,
				 at->bed.address_len),
			 0);
	at->bed.server = accept4(at->bed.listener, NULL, NULL, SOCK_CLOEXEC);
	at->state = handoff_bed_capture(&at->bed);
	assert_int_equal(system("ip address del " CLIENT "/32 dev lo"), 0);
}

void handoff_others_begin(void)
{
	handoff_others_capture();
	handoff_other_greet(&at->first, "first");
	handoff_other_offer(&at->first, HANDOFF_REQUEST, HANDOFF_OTHERS_ID, 1, "");
	handoff_other_hear(&at->first, HANDOFF_ACK);
}

void handoff_others_take(void)
{
	handoff_others_begin();
	handoff_other_word(&at->first, HANDOFF_READY, HANDOFF_OTHERS_ID, 1);
	handoff_other_hear(&at->first, HANDOFF_DONE);
	assert_true(at->taken_fd >= 0);
	assert_int_equal(at->taken_id, HANDOFF_OTHERS_ID);
}

uint64_t handoff_others_ready(void)
{
	struct sockaddr_storage there = handoff_others_address(HANDOFF_OTHERS_TAKER, 443);
	struct handoff_message message;

	if (at->bed.server < 0)
		handoff_bed_connect(&at->bed);
	handoff_other_greet(&at->first, "first");
	handoff_other_greet(&at->second, "second");
	assert_int_equal(handoff_host_send(at->host, at->bed.server, "first", NULL, NULL, 0), 0);
	assert_int_equal(handoff_host_send(at->host, at->bed.server, "first", NULL, NULL, 0),
			 -EBUSY);
	at->bed.server = -1;
	message = handoff_other_hear(&at->first, HANDOFF_REQUEST);
	handoff_other_say(&at->first, &(struct handoff_message){
					      .type = HANDOFF_ACK,
					      .id = message.id,
					      .turn = 1,
					      .place = handoff_others_place(&there),
				      });
	handoff_other_hear(&at->first, HANDOFF_READY);
	return message.id;
}

uint64_t handoff_others_give(void)
{
	uint64_t id = handoff_others_ready();

	handoff_other_word(&at->first, HANDOFF_DONE, id, 1);
	HANDOFF_OTHERS_UNTIL(at->ends);
	return id;
}

static int note_rule(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	*(struct handoff_others_rule *)data = (struct handoff_others_rule){ *key, *rule, true };
	return 1;
}

struct handoff_others_rule handoff_others_rule(void)
{
	struct handoff_others_rule one = {};

	handoff_rules_each(&at->rules, note_rule, &one);
	return one;
}
