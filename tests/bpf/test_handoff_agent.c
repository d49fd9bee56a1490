/* SPDX-License-Identifier: GPL-2.0-only */
/* handoff's agent at real maps: which rules it removes, how many at a time, and what it says. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/agent/handoff_agent.h"
#include "tests/support/handoff_case.h"
#include "tests/support/program_bed.h"
#include "tests/support/tap.h"

#define ID 0xabc1
#define NS_PER_S 1000000000ULL
#define LONG_NS (3600 * NS_PER_S)
#define MANY 1000
#define RATE 400
#define HALF_NS (60 * NS_PER_S)
#define CROWD 2500
#define WAIT_MS 60000
#define SERVICE "/tmp/handoff_agent_silent.sock"
#define HALF_NS_MIN (10 * NS_PER_S)
#define ASK_NS (3 * NS_PER_S) /* that it asks before that */

static struct program_bed bed;
static struct handoff_rules rules;
static struct handoff_agent agent;

static int set_up(void **state)
{
	struct slot_reason why = {};

	(void)state;
	program_bed_open(&bed, &handoff_cli, progrun_open("bpf/handoff.bpf.o"));
	assert_int_equal(handoff_rules_open(PROGRAM_BED_DIR, true, &why, &rules), 0);
	agent = (struct handoff_agent){
		.set = { .map_dir = PROGRAM_BED_DIR,
			 .sweep = { .half_ns = LONG_NS, .idle_ns = LONG_NS },
			 .rate = RATE },
	};
	assert_int_equal(handoff_agent_open(&agent, &why), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_agent_close(&agent);
	handoff_rules_close(&rules);
	program_bed_close(&bed);
	return 0;
}

static struct handoff_key make_key(__u16 port)
{
	const struct handoff_spec spec = {
		.src = "198.51.100.7", .dst = "203.0.113.80", .sport = port, .dport = 443
	};

	return handoff_spec_key(&spec);
}

/* As the programs would have written it. */
static void add_rule(__u16 port, __u32 seen)
{
	const struct handoff_rule rule = { .id = ID, .use.seen = seen };
	const struct handoff_key key = make_key(port);

	assert_int_equal(bpf_map_update_elem(rules.table, &key, &rule, BPF_ANY), 0);
}

static bool has_rule(__u16 port)
{
	const struct handoff_key key = make_key(port);
	struct handoff_rule rule;

	return !handoff_rules_get(&rules, &key, &rule);
}

/* The next look, now. */
static void look(void)
{
	struct slot_reason why;

	/* so that it does not wait for the one after that */
	raise(SIGTERM);
	agent.look_ns = 0;
	assert_int_equal(handoff_agent_step(&agent, &why), 0);
	assert_true(agent.is_over);
}

static void removes_what_is_over_and_says_why(void **state)
{
	(void)state;
	agent.set.sweep.idle_ns = slot_clock_ns() + LONG_NS;
	add_rule(1, 0);
	add_rule(2, HANDOFF_LOCAL_RST);
	add_rule(3, HANDOFF_CLIENT_FIN | HANDOFF_LOCAL_FIN);
	look();
	assert_true(has_rule(1));
	assert_false(has_rule(2) || has_rule(3));
	assert_int_equal(agent.told.ended, 2);
	assert_int_equal(agent.told.rules, 1);
	assert_int_equal(program_bed_run(&bed, "stats"), 0);
	assert_non_null(strstr(bed.out, "ended                        2\n"));
	assert_int_equal(program_bed_run_json(&bed, "stats"), 0);
	assert_non_null(strstr(bed.out, "\"ended\": 2"));
	assert_non_null(strstr(bed.out, "\"blocked\""));
}

static void a_rule_lives_by_its_last_step(void **state)
{
	const struct handoff_key key = make_key(4);

	(void)state;
	assert_int_equal(handoff_rules_block(&rules, &key, ID, 0), 0);
	add_rule(5, 0);
	agent.set.sweep.idle_ns = slot_clock_ns() / 2; /* a guest has just booted */
	look();
	assert_true(has_rule(4));
	assert_false(has_rule(5));
	assert_int_equal(agent.told.idle, 1);
}

static void removes_no_more_at_a_time_than_it_may(void **state)
{
	__u16 port;

	(void)state;
	for (port = 1; port <= MANY; port++)
		add_rule(port, HANDOFF_LOCAL_RST);
	look();
	assert_int_equal(agent.told.ended, RATE);
	assert_int_equal(agent.told.late, MANY - RATE);
	assert_int_equal(agent.told.rules, MANY - RATE);
	look();
	look();
	assert_int_equal(agent.told.ended, MANY);
	assert_int_equal(agent.told.late, 0);
	assert_int_equal(agent.told.rules, 0);
}

static void there_is_one_at_a_time(void **state)
{
	(void)state;
	program_bed_assert_fails(&bed, "agent",
				 "'/sys/fs/bpf/maps': an agent runs already; each slot has one\n");
}

static void one_of_another_netns_leaves_the_device_alone(void **state)
{
	const struct handoff_told told = { .owner = 1, .netns = ~0ULL, .device = "eth7" };
	const struct handoff_offload offload = { .id = ID, .is_active = 1 };
	const struct handoff_agent_settings set = agent.set;
	const struct handoff_key key = make_key(1);
	struct handoff_offloads offloads = HANDOFF_OFFLOADS_CLOSED;
	struct handoff_offload now;
	struct slot_reason why;

	(void)state;
	handoff_agent_close(&agent);
	assert_int_equal(handoff_offloads_open(PROGRAM_BED_DIR, true, &why, &offloads), 0);
	assert_int_equal(handoff_told_set(&offloads, &told), 0);
	assert_int_equal(handoff_offloads_set(&offloads, &key, &offload), 0);
	agent = (struct handoff_agent){ .set = set };
	assert_int_equal(handoff_agent_open(&agent, &why), -EXDEV);
	assert_non_null(strstr(why.text, "are sent on by eth7 in another netns"));
	handoff_agent_close(&agent);
	/* who waits for it waits */
	assert_int_equal(handoff_offloads_get(&offloads, &key, &now), 0);
	assert_int_equal(handoff_offloads_clear(&offloads), 0);
	handoff_offloads_close(&offloads);
	agent = (struct handoff_agent){ .set = set };
	assert_int_equal(handoff_agent_open(&agent, &why), 0);
}

static void check_ends(void)
{
	struct slot_reason why;

	agent.look_ns = 0;
	assert_int_equal(handoff_agent_step(&agent, &why), -ENOENT);
	assert_string_equal(why.text, "the slot's maps are others now: start the agent again");
}

static void ends_where_a_map_is_gone_or_another(void **state)
{
	static const char *const names[] = { HANDOFF_RULES_NAME, HANDOFF_OFFLOADS_NAME,
					     HANDOFF_TOLD_NAME };
	struct bpf_map *other = bpf_object__find_map_by_name(bed.object, HANDOFF_COUNTS_NAME);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(bed.object, names[i]);
		char path[128];

		snprintf(path, sizeof(path), PROGRAM_BED_DIR "/%s", names[i]);
		assert_int_equal(bpf_map__unpin(map, NULL), 0);
		check_ends();
		assert_int_equal(bpf_obj_pin(bpf_map__fd(other), path), 0);
		check_ends();
		assert_int_equal(unlink(path), 0);
		assert_int_equal(bpf_map__pin(map, path), 0);
		look();
	}
}

/* How many it has tried to ask, when these are all. */
static void await_asked(__u64 want)
{
	const struct handoff_told *told = &agent.told;
	int64_t until_ms = slot_clock_ms() + WAIT_MS;

	do {
		handoff_asking_tell(&agent.asking, &agent.told);
		assert_true(slot_clock_ms() < until_ms);
		usleep(1000);
	} while (told->asked + told->not_asked < want);
	assert_int_equal(told->asked + told->not_asked, want);
}

static void add_ended_block(__u16 port)
{
	const struct handoff_key key = make_key(port);

	assert_int_equal(handoff_rules_block(&rules, &key, ID, 1), 0);
}

static void asks_all_of_many_before_it_asks_one_again(void **state)
{
	(void)state;
	for (__u16 port = 1; port <= CROWD; port++)
		add_ended_block(port);
	look();
	await_asked(HANDOFF_ASKING_MAX);
	look();
	await_asked(2 * HANDOFF_ASKING_MAX);
	look();
	await_asked(CROWD);
	look();
	await_asked(CROWD + HANDOFF_ASKING_MAX);
	assert_int_equal(agent.told.rules, CROWD);
}

static void a_block_is_over_when_its_client_was_asked_three_times(void **state)
{
	(void)state;
	add_ended_block(1);
	for (int asked = 1; asked <= HANDOFF_TURNS_ROUNDS; asked++) {
		look();
		assert_true(has_rule(1));
		await_asked(asked);
	}
	look();
	assert_false(has_rule(1));
	await_asked(HANDOFF_TURNS_ROUNDS);
	assert_int_equal(agent.told.expired, 1);
	assert_int_equal(program_bed_run(&bed, "stats"), 0);
	assert_non_null(strstr(bed.out, "expired                      1\n"));
}

/* It is asked by who asks clients, and takes nobody. */
static int open_silent_service(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = SERVICE };
	int service = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	unlink(SERVICE);
	assert_int_equal(bind(service, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(service, 1), 0);
	assert_int_equal(handoff_set_agent(agent.asking.lib, SERVICE), 0);
	return service;
}

static void close_service(int service)
{
	close(service);
	unlink(SERVICE);
}

static void does_not_wait_for_a_silent_repair_service(void **state)
{
	int service = open_silent_service();
	struct pollfd called = { .fd = service, .events = POLLIN };

	(void)state;
	add_ended_block(1);
	look();
	assert_int_equal(agent.told.not_asked, 0);
	assert_int_equal(poll(&called, 1, WAIT_MS), 1);
	close_service(service);
	await_asked(1);
	assert_int_equal(agent.told.not_asked, 1);
}

static void counts_whom_there_is_no_room_to_ask(void **state)
{
	int service = open_silent_service();
	const struct handoff_key key = make_key(1);
	const struct handoff_rule rule = { .id = ID };

	(void)state;
	/* one is on its way, and all of the queue waits */
	for (int i = 0; i < HANDOFF_ASKING_MAX + 2; i++)
		handoff_asking_send(&agent.asking, &key, &rule);
	close_service(service);
	await_asked(HANDOFF_ASKING_MAX + 2);
}

/* Of a connection whose last packet was @ago_ns ago. */
static void add_quiet(__u16 port, __u32 seen, __u64 ago_ns)
{
	const struct handoff_rule rule = { .id = ID,
					   .ingress = HANDOFF_REDIRECT,
					   .use = { .seen = seen,
						    .last_ns = slot_clock_ns() - ago_ns } };
	const struct handoff_key key = make_key(port);

	assert_int_equal(bpf_map_update_elem(rules.table, &key, &rule, BPF_ANY), 0);
}

static void asks_a_client_before_it_believes_what_others_may_have_said(void **state)
{
	__u64 half_ns = HALF_NS;

	(void)state;
	/* a guest that has just booted has no such past */
	while (slot_clock_ns() < HALF_NS_MIN)
		usleep(10000);
	if (half_ns > slot_clock_ns())
		half_ns = slot_clock_ns();
	agent.set.sweep = (struct handoff_sweep){ half_ns, half_ns, LONG_NS };
	/* between these two a slow machine has some time */
	add_quiet(1, HANDOFF_CLIENT_RST, (half_ns - ASK_NS) / 2);
	add_quiet(2, HANDOFF_CLIENT_FIN | HANDOFF_LOCAL_FIN, half_ns - NS_PER_S);
	add_quiet(3, 0, half_ns - NS_PER_S);
	look();
	await_asked(0);
	add_quiet(1, HANDOFF_CLIENT_RST, half_ns - ASK_NS);
	add_quiet(2, HANDOFF_CLIENT_FIN, half_ns - ASK_NS);
	look();
	await_asked(2);
	assert_true(has_rule(1) && has_rule(2));
	add_quiet(1, HANDOFF_CLIENT_RST, half_ns);
	add_quiet(2, 0, 0);
	look();
	assert_false(has_rule(1));
	assert_true(has_rule(2));
	assert_int_equal(agent.told.half, 1);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = { 0 };

	ADD(removes_what_is_over_and_says_why);
	ADD(asks_a_client_before_it_believes_what_others_may_have_said);
	ADD(asks_all_of_many_before_it_asks_one_again);
	ADD(a_block_is_over_when_its_client_was_asked_three_times);
	ADD(does_not_wait_for_a_silent_repair_service);
	ADD(counts_whom_there_is_no_room_to_ask);
	ADD(a_rule_lives_by_its_last_step);
	ADD(removes_no_more_at_a_time_than_it_may);
	ADD(there_is_one_at_a_time);
	ADD(one_of_another_netns_leaves_the_device_alone);
	ADD(ends_where_a_map_is_gone_or_another);
	return tap_run(&plan, "handoff_agent", 1);
}
