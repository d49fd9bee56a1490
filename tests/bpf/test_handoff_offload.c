/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff's agent and a device: which connections it has the device send on, and that they are
 * back with the program before anybody counts on another step. The kernel stands for the device.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/agent/handoff_agent.h"
#include "tests/support/flower_bed.h"
#include "tests/support/handoff_case.h"
#include "tests/support/program_bed.h"
#include "tests/support/tap.h"

#define ID 0xabc1
#define NS_PER_S 1000000000ULL
#define LONG_NS (3600 * NS_PER_S)
#define WAIT_NS (20 * NS_PER_S)
#define OLD_NS (60 * NS_PER_S)
#define ABOVE 1000
#define TO4 "203.0.113.9"
#define TO6 "2001:db8:9::9"
#define TO_PORT 8443

static const __u8 next_hop_mac[ETH_ALEN] = { 2, 0, 0, 0, 0, 0x21 };
static const __u8 own_mac[ETH_ALEN] = { 2, 0, 0, 0, 0, 0x12 };
static const struct flower_flow flow4 = { AF_INET, IPPROTO_TCP, FLOWER_SPORT, FLOWER_DPORT, 0 };
static const struct flower_flow flow6 = { AF_INET6, IPPROTO_TCP, FLOWER_SPORT, FLOWER_DPORT, 0 };

static struct program_bed bed;
static struct handoff_rules rules;
static struct handoff_agent agent;

static void open_agent_of(__u32 queue_max)
{
	const struct handoff_agent_settings set = {
		.map_dir = PROGRAM_BED_DIR,
		.sweep = { LONG_NS, LONG_NS, LONG_NS },
		.rate = 1000,
		.device = { .at = { .name = "v1",
				    .pref = FLOWER_PREF,
				    .offload = SLOT_FLOWER_SKIP_HW,
				    .flows_max = 64,
				    .queue_max = queue_max },
			    .above = ABOVE },
	};
	struct slot_reason why = {};

	agent = (struct handoff_agent){ .set = set };
	if (handoff_agent_open(&agent, &why))
		fail_msg("%s", why.text);
}

static int set_up(void **state)
{
	struct slot_reason why = {};

	flower_bed_start(state);
	flower_bed_must("ip link del w0 2>/dev/null || true");
	flower_bed_must("ip link add w0 type veth peer name w1 && ip link set w0 up && "
			"ip link set w1 up");
	program_bed_open(&bed, &handoff_cli, progrun_open("bpf/handoff.bpf.o"));
	assert_int_equal(handoff_rules_open(PROGRAM_BED_DIR, true, &why, &rules), 0);
	open_agent_of(64);
	return 0;
}

static int tear_down(void **state)
{
	handoff_agent_close(&agent);
	handoff_rules_close(&rules);
	program_bed_close(&bed);
	flower_bed_must("ip link del w0");
	return flower_bed_end(state);
}

static struct handoff_key make_key(const struct flower_flow *flow)
{
	bool is_ip6 = flow->family == AF_INET6;
	const struct handoff_spec spec = {
		.src = is_ip6 ? FLOWER_SRC6 : FLOWER_SRC4,
		.dst = is_ip6 ? FLOWER_DST6 : FLOWER_DST4,
		.sport = flow->sport,
		.dport = flow->dport,
		.is_ip6 = is_ip6,
	};

	return handoff_spec_key(&spec);
}

/* Redirected so long ago, as the program would have written it after so many bytes. */
static void add_old_rule(const struct flower_flow *flow, __u64 bytes, __u64 ago_ns)
{
	const struct handoff_key key = make_key(flow);
	struct handoff_rule rule = {
		.id = ID,
		.since_ns = slot_clock_ns() - ago_ns,
		.ingress = HANDOFF_REDIRECT,
		.target.ifindex = if_nametoindex("w0"),
		.use.in_bytes = bytes,
	};

	memcpy(rule.target.next_hop_mac, next_hop_mac, ETH_ALEN);
	memcpy(rule.target.own_mac, own_mac, ETH_ALEN);
	handoff_address(flow->family == AF_INET ? TO4 : TO6, TO_PORT, rule.target.address,
			&rule.target.port);
	assert_int_equal(bpf_map_update_elem(rules.table, &key, &rule, BPF_ANY), 0);
}

static void add_rule(const struct flower_flow *flow, __u64 bytes)
{
	add_old_rule(flow, bytes, 5 * NS_PER_S);
}

static int get_offload(const struct flower_flow *flow, struct handoff_offload *ret_offload)
{
	const struct handoff_key key = make_key(flow);

	return handoff_offloads_get(&agent.offloads, &key, ret_offload);
}

/* What is due, and no wait after it. */
static void step(bool is_look)
{
	struct slot_reason why;

	raise(SIGTERM);
	if (is_look)
		agent.look_ns = 0;
	if (handoff_agent_step(&agent, &why))
		fail_msg("%s", why.text);
}

static size_t count_rules(void)
{
	const struct slot_flower_place place = {
		.ifindex = if_nametoindex("v1"),
		.hook = SLOT_HOOK_TC_INGRESS,
		.pref = FLOWER_PREF,
	};

	return flower_bed_list(&place).others;
}

/* What is expected after it says whether it came to that. */
#define LOOK_UNTIL(condition)                                                                      \
	for (__u64 end_ns = slot_clock_ns() + WAIT_NS; !(condition) && slot_clock_ns() < end_ns;)  \
	step(true)

static void wait_active(__u64 active)
{
	step(true);
	LOOK_UNTIL(agent.told.active == active);
	assert_int_equal(agent.told.active, active);
	/* so that the device's own word for it is there */
	step(true);
}

static void wait_gone(const struct flower_flow *flow)
{
	const __u64 deadline = slot_clock_ns() + WAIT_NS;
	struct handoff_offload offload;

	while (!get_offload(flow, &offload) && slot_clock_ns() < deadline)
		step(false);
	assert_int_equal(get_offload(flow, &offload), -ENOENT);
}

static int listen_at(const char *name)
{
	const struct timeval limit = { .tv_sec = 5 };
	const struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* A packet of @flow comes out of w1, to the target. */
static void check_sent_on(const struct flower_flow *flow)
{
	const size_t at = ETH_HLEN + (flow->family == AF_INET ? 20 : 40) + 2;
	const __be16 port = htons(TO_PORT);
	unsigned char frame[PACKET_SIZE_MAX];
	int fd = listen_at("w1");

	flower_bed_send(flow, 1);
	do
		if (recv(fd, frame, sizeof(frame), 0) < (ssize_t)at + 2)
			fail_msg("nothing was sent on");
	while (memcmp(frame, next_hop_mac, ETH_ALEN) != 0);
	assert_memory_equal(frame + at, &port, sizeof(port));
	close(fd);
}

static void a_connection_of_many_bytes_is_the_devices(void **state)
{
	struct handoff_offload offload;

	(void)state;
	add_rule(&flow4, ABOVE + 1);
	add_rule(&flow6, ABOVE + 1);
	wait_active(2);
	assert_int_equal(count_rules(), 2);
	check_sent_on(&flow4);
	check_sent_on(&flow6);
	step(true);
	assert_int_equal(get_offload(&flow4, &offload), 0);
	assert_int_equal(offload.id, ID);
	assert_int_equal(offload.packets, 1);
	assert_true(offload.is_active);
	assert_int_equal(program_bed_run(&bed, "stats"), 0);
	assert_non_null(strstr(bed.out, "device                      v1\n"));
	assert_non_null(strstr(bed.out, "offloaded                    2\n"));
	assert_non_null(strstr(bed.out, "pending                      0\n"));
	assert_non_null(strstr(bed.out, "full                         0\n"));
}

static void a_small_one_is_not(void **state)
{
	struct handoff_offload offload;

	(void)state;
	add_rule(&flow4, ABOVE);
	step(true);
	step(true);
	assert_int_equal(get_offload(&flow4, &offload), -ENOENT);
	assert_int_equal(agent.told.installed + agent.told.pending, 0);
}

static void another_step_takes_it_back(void **state)
{
	const struct handoff_key key = make_key(&flow4);

	(void)state;
	add_rule(&flow4, ABOVE + 1);
	wait_active(1);
	assert_int_equal(handoff_rules_block(&rules, &key, ID, 0), 0);
	wait_gone(&flow4);
	assert_int_equal(count_rules(), 0);
	assert_int_equal(agent.told.changed, 1);
	step(true);
	assert_int_equal(agent.told.removed + agent.told.cancelled, 1);
	assert_int_equal(agent.told.active, 0);
}

static void set_since(const struct handoff_key *key, __u64 since_ns)
{
	struct handoff_rule rule;

	assert_int_equal(handoff_rules_get(&rules, key, &rule), 0);
	rule.since_ns = since_ns;
	assert_int_equal(bpf_map_update_elem(rules.table, key, &rule, BPF_EXIST), 0);
}

/* As after a step that was undone: who made it waits for the device. */
static void the_same_step_once_more_takes_it_back_for_a_while(void **state)
{
	const struct handoff_key key = make_key(&flow4);
	struct handoff_rule rule;

	(void)state;
	add_rule(&flow4, ABOVE + 1);
	wait_active(1);
	assert_int_equal(handoff_rules_get(&rules, &key, &rule), 0);
	assert_int_equal(handoff_rules_redirect(&rules, &key, ID, &rule.target), 0);
	/* The while begins when all has been seen, however slow this is. */
	set_since(&key, slot_clock_ns() + WAIT_NS);
	wait_gone(&flow4);
	step(true);
	assert_int_equal(agent.device.flows.count, 0);
	set_since(&key, slot_clock_ns());
	wait_active(1);
}

static void a_rule_that_goes_takes_it_back(void **state)
{
	const struct handoff_key key = make_key(&flow6);

	(void)state;
	add_rule(&flow6, ABOVE + 1);
	wait_active(1);
	assert_int_equal(handoff_rules_remove(&rules, &key, ID), 0);
	wait_gone(&flow6);
	assert_int_equal(count_rules(), 0);
}

static void what_is_cancelled_at_once_is_never_left_there(void **state)
{
	const struct handoff_key key = make_key(&flow4);

	(void)state;
	for (int i = 0; i < 50; i++) {
		add_rule(&flow4, ABOVE + 1);
		step(true);
		assert_int_equal(handoff_rules_block(&rules, &key, ID, 0), 0);
		wait_gone(&flow4);
		assert_int_equal(count_rules(), 0);
	}
}

static void more_than_there_is_room_for_stay_with_the_program(void **state)
{
	struct flower_flow flow = flow4;

	(void)state;
	for (flow.sport = 1; flow.sport <= 70; flow.sport++)
		add_rule(&flow, ABOVE + 1);
	step(true);
	assert_int_equal(agent.told.full, 6);
	wait_active(64);
	assert_int_equal(count_rules(), 64);
}

static void what_finds_the_queue_full_comes_later(void **state)
{
	struct flower_flow flow = flow4;

	(void)state;
	handoff_agent_close(&agent);
	open_agent_of(1);
	for (flow.sport = 1; flow.sport <= 64; flow.sport++)
		add_rule(&flow, ABOVE + 1);
	step(true);
	assert_true(agent.told.full > 0);
	assert_true(agent.device.flows.count + agent.told.full == 64);
	wait_active(64);
	assert_int_equal(count_rules(), 64);
}

/* Nothing else has come for twice as long as it may be idle. */
static void the_devices_packets_keep_a_rule(void **state)
{
	const struct handoff_key key = make_key(&flow4);
	/* a guest may have just booted */
	const __u64 now_ns = slot_clock_ns(), ago_ns = now_ns < 2 * OLD_NS ? now_ns / 2 : OLD_NS;
	struct handoff_rule rule;

	(void)state;
	add_old_rule(&flow4, ABOVE + 1, ago_ns);
	wait_active(1);
	handoff_flows_at(&agent.device.flows, 0)->last_ns = 0;
	check_sent_on(&flow4);
	agent.set.sweep.idle_ns = ago_ns / 2;
	step(true);
	assert_int_equal(handoff_rules_get(&rules, &key, &rule), 0);
	agent.set.sweep.idle_ns = NS_PER_S;
	LOOK_UNTIL(handoff_rules_get(&rules, &key, &rule));
	assert_int_equal(agent.told.idle, 1);
	wait_gone(&flow4);
	assert_int_equal(count_rules(), 0);
}

static void a_rule_that_another_took_off_is_asked_for_again(void **state)
{
	(void)state;
	add_rule(&flow4, ABOVE + 1);
	wait_active(1);
	flower_bed_must("tc filter del dev v1 ingress pref 100 2>/dev/null");
	LOOK_UNTIL(agent.told.installed >= 2);
	assert_int_equal(agent.told.vanished, 1);
	assert_int_equal(count_rules(), 1);
}

/* With the agent's cookie and handle. */
static void a_rule_that_leads_elsewhere_is_not_taken_for_its_own(void **state)
{
	const struct slot_flower_place place = flower_bed_place("v1", SLOT_HOOK_TC_INGRESS);
	struct slot_flower_rule rule;
	const struct slot_flower_rule *own = &rule;
	struct slot_answer answer;

	(void)state;
	add_rule(&flow4, ABOVE + 1);
	wait_active(1);
	rule = handoff_flows_at(&agent.device.flows, 0)->flow.request.rule;
	assert_int_equal(slot_flower_del(&place, &own, 1, &answer), 0);
	rule.actions[0].address.end.port++;
	flower_bed_add(&place, &rule);
	LOOK_UNTIL(agent.told.vanished);
	wait_gone(&flow4);
	assert_int_equal(count_rules(), 1);
}

static void a_device_that_takes_none_is_left_alone(void **state)
{
	struct handoff_offload offload;

	(void)state;
	agent.device.at.set.offload = SLOT_FLOWER_SKIP_SW;
	add_rule(&flow4, ABOVE + 1);
	LOOK_UNTIL(agent.told.failed);
	step(true);
	step(true);
	assert_int_equal(agent.told.failed, 1);
	assert_int_equal(get_offload(&flow4, &offload), -ENOENT);
	assert_non_null(strstr(agent.device.trouble.text, "v1 does not take a rule: "));
}

static void a_device_that_goes_takes_its_rules_along(void **state)
{
	(void)state;
	add_rule(&flow4, ABOVE + 1);
	wait_active(1);
	flower_bed_must("ip link del v0");
	step(true);
	wait_gone(&flow4);
	flower_bed_start(NULL);
	wait_active(1);
	assert_int_equal(count_rules(), 1);
}

static void its_end_leaves_nothing_behind(void **state)
{
	struct handoff_offloads offloads = HANDOFF_OFFLOADS_CLOSED;
	const struct handoff_key key = make_key(&flow4);
	struct handoff_offload offload;
	struct slot_reason why;

	(void)state;
	add_rule(&flow4, ABOVE + 1);
	wait_active(1);
	handoff_agent_close(&agent);
	assert_int_equal(count_rules(), 0);
	assert_int_equal(handoff_offloads_open(PROGRAM_BED_DIR, false, &why, &offloads), 0);
	assert_int_equal(handoff_offloads_get(&offloads, &key, &offload), -ENOENT);
	handoff_offloads_close(&offloads);
	open_agent_of(64);
}

static void what_an_agent_left_that_was_killed_is_taken_off(void **state)
{
	const struct slot_flower_place place = flower_bed_place("v1", SLOT_HOOK_TC_INGRESS);
	const struct handoff_key key = make_key(&flow4);
	struct slot_flower_rule rule = flower_bed_rule(&flow4, 7);
	struct handoff_offload offload = { .id = ID };

	(void)state;
	rule.owner = agent.told.owner;
	flower_bed_add(&place, &rule);
	assert_int_equal(handoff_offloads_set(&agent.offloads, &key, &offload), 0);
	/* the same as the next one does */
	handoff_agent_close(&agent);
	assert_int_equal(count_rules(), 1);
	open_agent_of(64);
	assert_int_equal(count_rules(), 0);
	assert_int_equal(get_offload(&flow4, &offload), -ENOENT);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = { 0 };
	const char *why;

	if (!flower_bed_enter(&why)) {
		printf("1..0 # SKIP %s\n", why);
		return 0;
	}
	ADD(a_connection_of_many_bytes_is_the_devices);
	ADD(a_small_one_is_not);
	ADD(another_step_takes_it_back);
	ADD(the_same_step_once_more_takes_it_back_for_a_while);
	ADD(a_rule_that_goes_takes_it_back);
	ADD(what_is_cancelled_at_once_is_never_left_there);
	ADD(more_than_there_is_room_for_stay_with_the_program);
	ADD(what_finds_the_queue_full_comes_later);
	ADD(the_devices_packets_keep_a_rule);
	ADD(a_rule_that_another_took_off_is_asked_for_again);
	ADD(a_rule_that_leads_elsewhere_is_not_taken_for_its_own);
	ADD(a_device_that_takes_none_is_left_alone);
	ADD(a_device_that_goes_takes_its_rules_along);
	ADD(its_end_leaves_nothing_behind);
	ADD(what_an_agent_left_that_was_killed_is_taken_off);
	return tap_run(&plan, "handoff_offload", 1);
}
