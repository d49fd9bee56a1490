/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two handles of libhandoff_host in one process, linked to each other, with one slot's maps: what
 * they count of connections that are to move from one to the other, and why these stay.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/lib/peer/handoff_host.h"
#include "programs/handoff/maps/handoff_address.h"
#include "programs/handoff/maps/handoff_moves.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "tests/support/handoff_bed.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define ID 0xabc1
#define LINK_PORT 7701
#define WAIT_MS 10000

static struct program_bed maps;
static struct handoff_bed bed;
static struct handoff_host *home, *taker;
static int kept_fd;

static void on_kept(void *data, void *tag, int fd, const char *why)
{
	kept_fd = data || tag || !why ? -1 : fd;
}

static struct sockaddr_storage make_address(uint16_t port)
{
	struct sockaddr_storage address = { .ss_family = AF_INET };
	struct sockaddr_in *ip4 = (struct sockaddr_in *)&address;

	ip4->sin_port = htons(port);
	inet_pton(AF_INET, HANDOFF_BED_IP4, &ip4->sin_addr);
	return address;
}

/* No host is slow. @has_local: connections may come to it. */
static struct handoff_host *open_host(const char *name, const struct sockaddr_storage *listen,
				      bool has_local)
{
	struct handoff_host_config config = {
		.name = name,
		.map_dir = PROGRAM_BED_DIR,
		.is_plain = true,
		.times = { .ack = 6000,
			   .ready = 7000,
			   .done = 8000,
			   .abandon = 360000,
			   .idle = 400000,
			   .beat = 60000 },
		.events = { .kept = on_kept },
	};
	struct handoff_host *host;

	if (listen) {
		config.listen = *listen;
		config.listen_length = sizeof(struct sockaddr_in);
	}
	if (has_local)
		config.local[0] = make_address(0);
	assert_int_equal(handoff_host_new(&config, &host), 0);
	return host;
}

static void open_hosts(bool has_local)
{
	struct sockaddr_storage at = make_address(LINK_PORT);

	taker = open_host("taker", &at, has_local);
	home = open_host("home", NULL, false);
	assert_int_equal(handoff_host_add(taker, "home", NULL, 0), 0);
	assert_int_equal(handoff_host_add(home, "taker", (struct sockaddr *)&at,
					  sizeof(struct sockaddr_in)),
			 0);
}

static int set_up(void **data)
{
	(void)data;
	handoff_bed_open(&bed, AF_INET, NULL);
	program_bed_open(&maps, &handoff_cli, progrun_open("bpf/handoff.bpf.o"));
	kept_fd = -1;
	return 0;
}

static int tear_down(void **data)
{
	(void)data;
	handoff_host_free(home);
	handoff_host_free(taker);
	home = taker = NULL;
	program_bed_close(&maps);
	handoff_bed_close(&bed);
	return 0;
}

static void run_both(void)
{
	struct pollfd ready[] = {
		{ .fd = handoff_host_fd(home), .events = POLLIN },
		{ .fd = handoff_host_fd(taker), .events = POLLIN },
	};

	poll(ready, 2, 10);
	assert_int_equal(handoff_host_run(home), 0);
	assert_int_equal(handoff_host_run(taker), 0);
}

static bool is_linked(void)
{
	return handoff_host_is_linked(home, "taker") && handoff_host_is_linked(taker, "home");
}

static bool is_kept(void)
{
	return kept_fd >= 0;
}

static void run_until(bool (*is_so)(void))
{
	int64_t until = slot_clock_ms() + WAIT_MS;

	while (!is_so() && slot_clock_ms() < until)
		run_both();
	assert_true(is_so());
}

static void expect(enum handoff_move move, __u64 expected)
{
	__u64 counts[HANDOFF_MOVES_SIZE];
	struct slot_reason why = {};

	assert_int_equal(handoff_moves_read(PROGRAM_BED_DIR, &why, counts), 0);
	assert_int_equal(counts[move], expected);
}

static int send_it(void)
{
	return handoff_host_send(home, bed.server, "taker", NULL, NULL, 0);
}

static void what_is_not_begun_is_counted(void **data)
{
	(void)data;
	open_hosts(true);
	handoff_bed_connect(&bed);
	assert_int_equal(send_it(), -ENOTCONN);
	assert_int_equal(handoff_host_send(home, bed.server, "nobody", NULL, NULL, 0), -ENOENT);
	expect(HANDOFF_MOVES_NOT_LINKED, 1);
	expect(HANDOFF_MOVES_NOT_MOVED, 1);
	expect(HANDOFF_MOVES_BEGUN, 0);
}

static void one_whose_rule_is_anothers_is_kept(void **data)
{
	struct handoff_rules rules = HANDOFF_RULES_CLOSED;
	struct sockaddr_storage client = {};
	socklen_t length = sizeof(client);
	struct slot_reason why = {};
	struct handoff_key key;

	(void)data;
	open_hosts(true);
	run_until(is_linked);
	handoff_bed_connect(&bed);
	assert_int_equal(getpeername(bed.server, (struct sockaddr *)&client, &length), 0);
	assert_int_equal(handoff_key_set((struct sockaddr *)&client,
					 (struct sockaddr *)&bed.address, &key),
			 0);
	assert_int_equal(handoff_rules_open(PROGRAM_BED_DIR, true, &why, &rules), 0);
	assert_int_equal(handoff_rules_block(&rules, &key, ID, 0), 0);
	handoff_rules_close(&rules);
	assert_int_equal(send_it(), -ESTALE);
	expect(HANDOFF_MOVES_BEGUN, 1);
	expect(HANDOFF_MOVES_KEPT_STEP, 1);
	handoff_bed_say(bed.server, bed.client, "it is as it was");
}

static void one_that_is_refused_is_counted_at_both_ends(void **data)
{
	(void)data;
	open_hosts(false);
	run_until(is_linked);
	handoff_bed_connect(&bed);
	assert_int_equal(send_it(), 0);
	run_until(is_kept);
	assert_int_equal(kept_fd, bed.server);
	expect(HANDOFF_MOVES_BEGUN, 1);
	expect(HANDOFF_MOVES_REFUSED, 1);
	expect(HANDOFF_MOVES_KEPT_REFUSED, 1);
	expect(HANDOFF_MOVES_TAKEN, 0);
	handoff_bed_say(bed.server, bed.client, "it is as it was");
}

/* The other host is this one: no way goes there by a device. */
static void one_without_a_way_is_kept_at_the_commit(void **data)
{
	(void)data;
	open_hosts(true);
	run_until(is_linked);
	handoff_bed_connect(&bed);
	assert_int_equal(send_it(), 0);
	run_until(is_kept);
	expect(HANDOFF_MOVES_BEGUN, 1);
	expect(HANDOFF_MOVES_KEPT_CHANGED, 1);
	expect(HANDOFF_MOVES_GIVEN, 0);
}

static void one_that_is_on_its_way_when_its_process_ends_is_counted(void **data)
{
	(void)data;
	open_hosts(true);
	run_until(is_linked);
	handoff_bed_connect(&bed);
	assert_int_equal(send_it(), 0);
	handoff_host_free(home);
	home = NULL;
	bed.server = -1;
	expect(HANDOFF_MOVES_BEGUN, 1);
	expect(HANDOFF_MOVES_KEPT_LINK, 1);
}

#define ADD(test) TAP_ADD(&plan, test, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(what_is_not_begun_is_counted);
	ADD(one_whose_rule_is_anothers_is_kept);
	ADD(one_that_is_refused_is_counted_at_both_ends);
	ADD(one_without_a_way_is_kept_at_the_commit);
	ADD(one_that_is_on_its_way_when_its_process_ends_is_counted);
	return tap_run(&plan, "what is counted of connections that move", 1);
}
