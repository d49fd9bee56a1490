/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One process of libhandoff_host, with real sockets and rules, and what the test says to it as the
 * other hosts: what it holds on to, for how long, and what it lets go.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <sys/resource.h>

#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/lib/peer/handoff_host.h"
#include "programs/handoff/lib/peer/handoff_message.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "tests/support/handoff_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/program_bed.h"
#include "tests/support/tap.h"

#define ID 0xabc1
#define LINK_PORT 7700
#define CLIENT "198.51.100.9"
#define TAKER "198.51.100.7"
#define WAIT_MS 5000
#define MESSAGE_MAX 65536

/* Neither clients nor other hosts answer what is sent to them by this. */
#define NETWORK                                                                                    \
	"ip link show near >/dev/null 2>&1 || { ip link add near type veth peer name far && "      \
	"ip link set near up && ip link set far up && ip address add 198.51.100.1/24 dev near && " \
	"ip neigh add " TAKER " lladdr 02:00:00:00:00:07 dev near nud permanent && "               \
	"ip neigh add " CLIENT " lladdr 02:00:00:00:00:09 dev near nud permanent; }"

static const struct handoff_host_times times = {
	.ack = 300,
	.ready = 600,
	.done = 900,
	.abandon = 1000,
	.linger = 200,
	.idle = 1500,
	.beat = 60000,
};

/* Another host, as far as it is there. */
struct other {
	int fd;
	size_t length;
	uint8_t bytes[MESSAGE_MAX];
};

static struct program_bed maps;
static struct handoff_bed bed;
static struct handoff_rules rules;
static struct handoff_host *host;
static struct other first, second;
static struct handoff_state *state;
static int taken_fd, kept_fd, ends;

/* --- the host ---------------------------------------------------------------------------------- */

static void on_taken(void *data, int fd, const struct handoff_taken *what)
{
	taken_fd = data || what->id != ID ? -1 : fd;
}

static void on_kept(void *data, void *tag, int fd, const char *why)
{
	kept_fd = data || tag || !why ? -1 : fd;
}

static void on_given(void *data, void *tag)
{
	ends += !data && !tag;
}

static struct sockaddr_storage make_address(const char *text, uint16_t port)
{
	struct sockaddr_storage address = { .ss_family = AF_INET };
	struct sockaddr_in *ip4 = (struct sockaddr_in *)&address;

	ip4->sin_port = htons(port);
	inet_pton(AF_INET, text, &ip4->sin_addr);
	return address;
}

static int set_up(void **data)
{
	struct handoff_host_config config = {
		.name = "here",
		.map_dir = PROGRAM_BED_DIR,
		.is_plain = true,
		.listen = make_address(HANDOFF_BED_IP4, LINK_PORT),
		.listen_length = sizeof(struct sockaddr_in),
		.local = { make_address(HANDOFF_BED_IP4, 0) },
		.times = times,
		.events = { .taken = on_taken, .kept = on_kept, .given = on_given },
	};
	struct slot_reason why = {};

	(void)data;
	handoff_bed_open(&bed, AF_INET, NETWORK);
	program_bed_open(&maps, &handoff_cli, progrun_open("bpf/handoff.bpf.o"));
	assert_int_equal(handoff_rules_open(PROGRAM_BED_DIR, true, &why, &rules), 0);
	assert_int_equal(handoff_host_new(&config, &host), 0);
	assert_int_equal(handoff_host_add(host, "first", NULL, 0), 0);
	assert_int_equal(handoff_host_add(host, "second", NULL, 0), 0);
	first.fd = second.fd = taken_fd = kept_fd = -1;
	first.length = second.length = 0;
	ends = 0;
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int tear_down(void **data)
{
	(void)data;
	handoff_host_free(host);
	host = NULL;
	close_one(&first.fd);
	close_one(&second.fd);
	close_one(&taken_fd);
	handoff_state_free(state);
	state = NULL;
	handoff_rules_close(&rules);
	program_bed_close(&maps);
	handoff_bed_close(&bed);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* As an application's loop does: not unless its descriptor says so. */
static void run_for(int64_t ms)
{
	int64_t end = now_ms() + ms;

	do {
		struct pollfd wake = { .fd = handoff_host_fd(host), .events = POLLIN };
		int64_t left = end - now_ms();

		if (poll(&wake, 1, left > 10 ? 10 : left > 0 ? (int)left : 0) > 0)
			assert_int_equal(handoff_host_run(host), 0);
	} while (now_ms() < end);
}

#define RUN_UNTIL(condition)                                                                       \
	do {                                                                                       \
		int64_t until = now_ms() + WAIT_MS;                                                \
		bool is_so;                                                                        \
		while (!(is_so = (condition)) && now_ms() < until)                                 \
			run_for(5);                                                                \
		assert_true(is_so);                                                                \
	} while (0)

/* --- other hosts ------------------------------------------------------------------------------- */

static int dial(void)
{
	struct sockaddr_storage at = make_address(HANDOFF_BED_IP4, LINK_PORT);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(struct sockaddr_in)), 0);
	return fd;
}

static void say(const struct other *other, const struct handoff_message *message)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t length;

	assert_int_equal(handoff_message_format(message, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(send(other->fd, bytes, length, MSG_NOSIGNAL), length);
}

static void say_word(const struct other *other, enum handoff_message_type type, uint64_t id,
		     uint32_t turn)
{
	say(other, &(struct handoff_message){ .type = type, .id = id, .turn = turn });
}

static bool has_heard(struct other *other, enum handoff_message_type type,
		      struct handoff_message *ret_message)
{
	ssize_t got = recv(other->fd, other->bytes + other->length, MESSAGE_MAX - other->length,
			   MSG_DONTWAIT);
	size_t length;

	other->length += got > 0 ? (size_t)got : 0;
	while (!handoff_message_parse(other->bytes, other->length, ret_message, &length)) {
		other->length -= length;
		/* A copy is what it points to, or the next message would lie over it. */
		if (ret_message->type == HANDOFF_REQUEST) {
			handoff_state_free(state);
			assert_int_equal(handoff_state_parse(ret_message->offer.state,
							     ret_message->offer.state_len, &state),
					 0);
		}
		if (ret_message->type == HANDOFF_REFUSE || ret_message->type == HANDOFF_RESET ||
		    ret_message->type == HANDOFF_CANCEL)
			fprintf(stderr, "# it says: %s\n", ret_message->refused.text);
		memmove(other->bytes, other->bytes + length, other->length);
		if (ret_message->type == type)
			return true;
	}
	return false;
}

static struct handoff_message hear(struct other *other, enum handoff_message_type type)
{
	struct handoff_message message = {};

	RUN_UNTIL(has_heard(other, type, &message));
	return message;
}

static void greet(struct other *other, const char *name)
{
	struct handoff_message hello = {
		.type = HANDOFF_HELLO,
		.hello = { .instance = 1, .beat_ms = 60000 },
	};

	memcpy(hello.hello.name, name, strlen(name));
	other->fd = dial();
	say(other, &hello);
	hear(other, HANDOFF_HELLO);
	RUN_UNTIL(handoff_host_is_linked(host, name));
}

static struct handoff_place place_of(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *ip4 = (const struct sockaddr_in *)address;
	struct handoff_place place = { .addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(place.addr + 12, &ip4->sin_addr, sizeof(ip4->sin_addr));
	place.port = ntohs(ip4->sin_port);
	return place;
}

/* REQUEST or BACK, with @state. */
static void offer(const struct other *other, enum handoff_message_type type, uint64_t id,
		  uint32_t turn, const char *onward)
{
	struct handoff_state_info info;
	uint8_t bytes[MESSAGE_MAX / 2];
	struct handoff_message message = { .type = type, .id = id, .turn = turn };

	handoff_state_get(state, &info);
	assert_int_equal(handoff_state_format(state, bytes, sizeof(bytes)), 0);
	message.offer.client = place_of(&info.peer);
	message.offer.home = place_of(&bed.address);
	message.offer.state = bytes;
	message.offer.state_len = handoff_state_size(state);
	memcpy(message.offer.onward, onward, strlen(onward));
	say(other, &message);
}

/* A connection of a client that hears nothing of what is sent to it afterwards. */
static void capture_one(void)
{
	struct sockaddr_storage from = make_address(CLIENT, 0);

	assert_int_equal(system("ip address add " CLIENT "/32 dev lo"), 0);
	bed.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(bed.client, (struct sockaddr *)&from, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(connect(bed.client, (struct sockaddr *)&bed.address, bed.address_len), 0);
	bed.server = accept4(bed.listener, NULL, NULL, SOCK_CLOEXEC);
	state = handoff_bed_capture(&bed);
	assert_int_equal(system("ip address del " CLIENT "/32 dev lo"), 0);
}

/* This host serves it, the first other one is its home. */
static void take_one(void)
{
	capture_one();
	greet(&first, "first");
	offer(&first, HANDOFF_REQUEST, ID, 1, "");
	hear(&first, HANDOFF_ACK);
	say_word(&first, HANDOFF_READY, ID, 1);
	hear(&first, HANDOFF_DONE);
	assert_true(taken_fd >= 0);
}

/* --- rules of what has ended ------------------------------------------------------------------- */

struct one_rule {
	struct handoff_key key;
	struct handoff_rule rule;
	bool is_there;
};

static int note_rule(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	*(struct one_rule *)data = (struct one_rule){ *key, *rule, true };
	return 1;
}

static struct one_rule get_rule(void)
{
	struct one_rule one = {};

	handoff_rules_each(&rules, note_rule, &one);
	return one;
}

/* As the programs do, of a packet that comes or goes now. */
static void see(uint32_t seen)
{
	struct one_rule one = get_rule();

	assert_true(one.is_there);
	one.rule.use.seen |= seen;
	one.rule.use.last_ns = (__u64)now_ms() * 1000000;
	assert_int_equal(bpf_map_update_elem(rules.table, &one.key, &one.rule, BPF_EXIST), 0);
}

static void a_rule_stays_until_both_ends_are_seen(void **data)
{
	(void)data;
	take_one();
	see(HANDOFF_CLIENT_FIN);
	handoff_host_close(host, taken_fd);
	taken_fd = -1;
	hear(&first, HANDOFF_GONE);
	run_for(4 * times.linger);
	assert_true(get_rule().is_there);
	see(HANDOFF_LOCAL_FIN);
	hear(&first, HANDOFF_OVER);
	assert_false(get_rule().is_there);
}

static void a_rule_that_no_packet_met_goes_at_last(void **data)
{
	(void)data;
	take_one();
	handoff_host_close(host, taken_fd);
	taken_fd = -1;
	hear(&first, HANDOFF_OVER);
	assert_false(get_rule().is_there);
}

/* Nothing else wakes it: no link, no beat. */
static void what_is_closed_between_two_runs_wakes_it(void **data)
{
	(void)data;
	take_one();
	close_one(&first.fd);
	RUN_UNTIL(!handoff_host_is_linked(host, "first"));
	see(HANDOFF_CLIENT_FIN | HANDOFF_LOCAL_FIN);
	handoff_host_close(host, taken_fd);
	taken_fd = -1;
	RUN_UNTIL(!get_rule().is_there);
}

/* --- descriptors ------------------------------------------------------------------------------- */

static void one_that_is_given_by_another_descriptor_forgets_the_first(void **data)
{
	int other_fd, first_fd;

	(void)data;
	take_one();
	first_fd = taken_fd;
	other_fd = dup(first_fd);
	assert_int_equal(handoff_host_send(host, other_fd, NULL, NULL, NULL, 0), 0);
	say(&first, &(struct handoff_message){ .type = HANDOFF_REFUSE,
					       .id = ID,
					       .turn = 2,
					       .refused = { HANDOFF_REFUSED_BUSY, "full" } });
	RUN_UNTIL(kept_fd >= 0);
	assert_int_equal(kept_fd, other_fd);
	assert_int_equal(handoff_host_lend(host, first_fd, NULL), -ENOENT);
	assert_int_equal(handoff_host_lend(host, other_fd, NULL), 0);
	close(other_fd);
}

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

#define STRANGERS 100

static void strangers_use_up_no_descriptors(void **data)
{
	int strangers[STRANGERS], before = count_fds();

	(void)data;
	for (int i = 0; i < STRANGERS; i++) {
		strangers[i] = dial();
		run_for(1);
	}
	run_for(50);
	/* one for each of them here, and of their other ends a few */
	assert_in_range(count_fds() - before, STRANGERS + 1, STRANGERS + 30);
	greet(&first, "first");
	for (int i = 0; i < STRANGERS; i++)
		close(strangers[i]);
}

static void without_room_for_a_link_it_waits(void **data)
{
	struct rlimit had, none;
	int stranger = dial();
	int64_t before;
	int wakes = 0;

	(void)data;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = had;
	/* the next one */
	none.rlim_cur = (rlim_t)dup(stranger);
	close((int)none.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (before = now_ms(); now_ms() < before + 300; wakes++) {
		struct pollfd wake = { .fd = handoff_host_fd(host), .events = POLLIN };

		if (poll(&wake, 1, 20) > 0)
			handoff_host_run(host);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_true(wakes < 100);
	greet(&first, "first");
	close(stranger);
}

/* --- a connection that home passes on ---------------------------------------------------------- */

/* Home gives it, and gets it back to pass it on; it is freed amid that. */
static void what_is_passed_on_ends_with_its_process(void **data)
{
	struct sockaddr_storage there = make_address(TAKER, 443);
	struct handoff_message message;
	char byte;

	(void)data;
	handoff_bed_connect(&bed);
	greet(&first, "first");
	greet(&second, "second");
	assert_int_equal(handoff_host_send(host, bed.server, "first", NULL, NULL, 0), 0);
	bed.server = -1;
	message = hear(&first, HANDOFF_REQUEST);
	say(&first,
	    &(struct handoff_message){
		    .type = HANDOFF_ACK, .id = message.id, .turn = 1, .place = place_of(&there) });
	hear(&first, HANDOFF_READY);
	say_word(&first, HANDOFF_DONE, message.id, 1);
	RUN_UNTIL(ends);
	offer(&first, HANDOFF_BACK, message.id, 2, "second");
	hear(&first, HANDOFF_ACK);
	say_word(&first, HANDOFF_READY, message.id, 2);
	hear(&second, HANDOFF_REQUEST);
	handoff_host_free(host);
	host = NULL;
	assert_int_equal(poll(&(struct pollfd){ .fd = bed.client, .events = POLLIN }, 1, WAIT_MS),
			 1);
	assert_true(recv(bed.client, &byte, 1, MSG_DONTWAIT) <= 0);
}

#define ADD(test) TAP_ADD(&plan, test, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(a_rule_stays_until_both_ends_are_seen);
	ADD(a_rule_that_no_packet_met_goes_at_last);
	ADD(what_is_closed_between_two_runs_wakes_it);
	ADD(one_that_is_given_by_another_descriptor_forgets_the_first);
	ADD(strangers_use_up_no_descriptors);
	ADD(without_room_for_a_link_it_waits);
	ADD(what_is_passed_on_ends_with_its_process);
	return tap_run(&plan, "libhandoff_host, and other hosts", 1);
}
