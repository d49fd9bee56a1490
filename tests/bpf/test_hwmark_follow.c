/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent of hwmark follows a load balancer that changes: what becomes of marks. Whether the
 * device takes rules makes no difference here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/agent_bed.h"
#include "tests/support/packet.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

static struct slot_reason why;

/* With HWMARK_FLOW a pool had it. */
static __u32 take_mark(void)
{
	return agent_bed->set.mode == HWMARK_FLOW ? hwmark_marks_take(&agent_bed->marks) : 0;
}

/* Returns its mark. */
static __u32 tell_of(__u16 sport)
{
	struct lb_mark_event event = agent_bed_event(sport, take_mark());
	__u64 taken = agent_bed->agent.taken;

	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.taken, taken + 1);
	for (__u32 mark = 1; mark < AGENT_BED_MARKS; mark++)
		if (agent_bed->marks.marks[mark].state == HWMARK_MARK_USED &&
		    !agent_bed->marks.marks[mark].is_dead)
			return mark;
	return 0;
}

/* Whether packets with @mark are sent by it. */
static bool is_live(__u32 mark)
{
	struct hwmark_entry entry;
	__u32 generation;

	assert_int_equal(hwmark_entry_get(&agent_bed->maps, mark, &why, &entry), 0);
	assert_int_equal(hwmark_generation_get(&agent_bed->maps, &why, &generation), 0);
	return entry.generation == generation;
}

static void follow(void)
{
	assert_int_equal(hwmark_offload_sync(agent_bed), 0);
}

static void a_mark_ends_when_its_ring_changes_and_no_other(void **state)
{
	const enum hwmark_mode modes[] = { HWMARK_FLOW, HWMARK_DESTINATION };

	(void)state;
	for (int i = 0; i < 2; i++) {
		__u32 mark;

		agent_bed_start(modes[i]);
		mark = tell_of(1000);
		assert_true(is_live(mark));
		lb_bed_runs("vip add tcp/192.0.2.9:80");
		assert_false(is_live(mark));
		follow();
		assert_true(is_live(mark));
		/* The real stays, and has less of the ring. */
		lb_bed_runs("real add " AGENT_BED_VIP " 203.0.113.3");
		follow();
		assert_false(is_live(mark));
		assert_int_equal(agent_bed->agent.outdated, 1);
		lb_bed_runs("real del " AGENT_BED_VIP " 203.0.113.3");
		lb_bed_runs("vip del tcp/192.0.2.9:80");
		follow();
		assert_false(is_live(mark));
		agent_bed_stop();
	}
}

static void a_ring_that_changed_back_before_anybody_looked_is_another_one(void **state)
{
	__u32 mark;

	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	mark = tell_of(1000);
	lb_bed_runs("real down " AGENT_BED_VIP " 203.0.113.1");
	lb_bed_runs("real up " AGENT_BED_VIP " 203.0.113.1");
	follow();
	assert_false(is_live(mark));
	/* Its flows come again, with another mark. */
	assert_int_not_equal(tell_of(1001), mark);
}

/* A packet of the flow that tell_of() tells of: the last byte of its real's address; 0: it passes. */
static int send_marked(__u32 mark)
{
	const struct packet_ip4 ip = { .src = "198.51.100.7", .dst = "192.0.2.1" };
	const struct hwmark_meta meta = { mark };
	struct progrun result;
	struct packet packet;

	packet_start(&packet, NULL, 0);
	packet_tcp(&packet, 1000, 80, 0x10);
	packet_ip4(&packet, &ip);
	packet_eth(&packet);
	assert_int_equal(progrun_meta(progrun_fd(agent_bed_object, "hwmark"), &meta, sizeof(meta),
				      &packet, &result),
			 0);
	return result.verdict == XDP_TX ? result.bytes[14 + 19] : 0;
}

static void a_port_that_is_used_again_goes_where_the_ring_leads_then(void **state)
{
	struct lb_mark_event event;
	__u32 mark;

	(void)state;
	lb_bed_runs("set gateway=02:00:00:00:00:01");
	agent_bed_start(HWMARK_DESTINATION);
	mark = tell_of(1000);
	assert_int_equal(send_marked(mark), 1);
	lb_bed_runs("real down " AGENT_BED_VIP " 203.0.113.1");
	assert_int_equal(send_marked(mark), 0);
	follow();
	assert_int_equal(send_marked(mark), 0);
	/* Its rule goes, by whatever the device answers. */
	for (int i = 0; i < 100 && agent_bed->flows.count; i++)
		assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_int_equal(agent_bed->flows.count, 0);
	agent_bed->paused_ms = 0;
	event = agent_bed_event(1000, 0);
	event.real = 2;
	event.epoch = agent_bed->view.model.reals[2].epoch;
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.taken, 2);
	assert_int_equal(send_marked(mark), 0);
	for (__u32 other = 1; other < AGENT_BED_MARKS; other++)
		if (hwmark_marks_state(&agent_bed->marks, other) == HWMARK_MARK_USED)
			assert_int_equal(send_marked(other), 2);
}

static void raise_generation(void)
{
	int fd = bpf_object__find_map_fd_by_name(lb_bed.object, LB_GENERATION_NAME);
	__u32 zero = 0, generation;

	assert_int_equal(hwmark_generation_get(&agent_bed->maps, &why, &generation), 0);
	generation++;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &generation, BPF_ANY), 0);
}

/* A command that is killed lets go; one that is stopped half way does not. */
static void what_a_command_is_changing_is_not_believed(void **state)
{
	int fd = open(PROGRAM_BED_DIR, O_RDONLY | O_DIRECTORY);
	struct lb_mark_event event;
	__u64 before;
	__u32 mark;

	(void)state;
	assert_true(fd >= 0);
	agent_bed_start(HWMARK_DESTINATION);
	mark = tell_of(1000);
	event = agent_bed_event(1001, 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	raise_generation();
	before = hwmark_offload_now();
	assert_int_equal(hwmark_offload_sync(agent_bed), -EBUSY);
	/* Flows that are told of do not wait one after the other. */
	for (int i = 0; i < 20; i++)
		agent_bed_tell(&event);
	assert_in_range(hwmark_offload_now() - before, 0, 1000);
	assert_int_equal(agent_bed->agent.refused, 20);
	assert_int_equal(agent_bed->view.generation, event.generation);
	assert_false(is_live(mark));
	assert_string_equal(agent_bed->troubles[HWMARK_TROUBLE_MAPS].text, "");
	assert_int_equal(close(fd), 0);
	agent_bed->retry_ms = 0;
	follow();
	assert_true(is_live(mark));
}

static void a_real_that_is_down_is_nobodys(void **state)
{
	struct lb_mark_event event;

	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	lb_bed_runs("real down " AGENT_BED_VIP " 203.0.113.1");
	event = agent_bed_event(1000, 0);
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.refused, 1);
}

static void what_was_told_of_before_the_ring_changed_is_refused(void **state)
{
	struct lb_mark_event event;

	(void)state;
	agent_bed_start(HWMARK_FLOW);
	event = agent_bed_event(1000, take_mark());
	lb_bed_runs("real add " AGENT_BED_VIP " 203.0.113.3");
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.refused, 1);
	assert_int_equal(agent_bed->agent.taken, 0);
	assert_int_equal(hwmark_marks_state(&agent_bed->marks, event.mark), HWMARK_MARK_FREE);
	event = agent_bed_event(1000, take_mark());
	lb_bed_runs("vip add tcp/192.0.2.9:80");
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.taken, 1);
	assert_true(is_live(event.mark));
}

/* New ones from port @first on, of which lb tells as long as its pool has marks. */
static void send_flows(__u16 first, unsigned int count)
{
	const struct packet_ip4 ip = { .src = "198.51.100.7", .dst = "192.0.2.1" };
	struct progrun result;
	struct packet packet;

	for (unsigned int i = 0; i < count; i++) {
		packet_start(&packet, NULL, 0);
		packet_tcp(&packet, (__u16)(first + i), 80, 0x10);
		packet_ip4(&packet, &ip);
		packet_eth(&packet);
		assert_int_equal(progrun_packet(progrun_fd(lb_bed.object, "lb"), &packet, &result),
				 0);
		assert_int_equal(result.verdict, XDP_TX);
	}
}

/* An agent was there, and lb has told of flows since it is gone. */
static void leave_events(__u16 first)
{
	agent_bed_start(HWMARK_FLOW);
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_in_range(agent_bed->agent.in_pools, 1, AGENT_BED_MARKS / 2);
	agent_bed_stop();
	send_flows(first, 4);
}

static void what_waits_when_an_agent_starts_is_forgotten(void **state)
{
	const enum hwmark_mode modes[] = { HWMARK_FLOW, HWMARK_DESTINATION };

	(void)state;
	lb_bed_runs("set gateway=02:00:00:00:00:01");
	for (int i = 0; i < 2; i++) {
		leave_events((__u16)(1000 + 100 * i));
		agent_bed_start(modes[i]);
		for (int step = 0; step < 2; step++)
			assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
		assert_int_equal(agent_bed->agent.events, 0);
		agent_bed_stop();
	}
	/* What comes later is not. */
	agent_bed_start(HWMARK_FLOW);
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	send_flows(2000, 1);
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_int_equal(agent_bed->agent.events, 1);
	assert_int_equal(agent_bed->agent.taken, 1);
}

/* How many marks are in pools, where each is once, and is nowhere else. */
static __u32 count_in_pools(void)
{
	const struct hwmark_pool *pool = &agent_bed->pool;
	bool is_in[AGENT_BED_MARKS] = {};
	__u32 puts = 0, marks = 0;

	hwmark_pool_look(pool, AGENT_BED_MARKS, is_in);
	for (__u32 cpu = 0; cpu < pool->cpus; cpu++)
		puts += pool->pools[cpu].put - pool->pools[cpu].taken;
	for (__u32 mark = 1; mark < AGENT_BED_MARKS; mark++) {
		bool is_out = hwmark_marks_state(&agent_bed->marks, mark) == HWMARK_MARK_OUT;

		assert_int_equal(is_in[mark], is_out);
		marks += is_in[mark];
	}
	assert_false(is_in[0]);
	assert_int_equal(marks, puts);
	return marks;
}

static void a_mark_is_in_one_pool_or_none_whatever_agents_begin(void **state)
{
	__u32 before;

	(void)state;
	lb_bed_runs("set gateway=02:00:00:00:00:01");
	agent_bed_start(HWMARK_FLOW);
	assert_int_equal(count_in_pools(), 0);
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	before = count_in_pools();
	assert_int_equal(before, agent_bed->agent.in_pools);
	assert_int_equal(hwmark_pool_fill(&agent_bed->pool, &agent_bed->marks), before);
	agent_bed_stop();
	for (__u16 i = 0; i < 5; i++) {
		send_flows((__u16)(1000 + 10 * i), i);
		agent_bed_start(HWMARK_FLOW);
		/* What was told of is nobody's any more. */
		assert_in_range(count_in_pools(), before - i, before - !!i);
		assert_int_equal(hwmark_pool_fill(&agent_bed->pool, &agent_bed->marks), before);
		assert_int_equal(count_in_pools(), before);
		agent_bed_stop();
	}
}

/* Between the looks at both it went from one to the other. */
static void a_mark_that_was_in_a_pool_and_is_told_of_is_in_none(void **state)
{
	bool is_in[AGENT_BED_MARKS];
	__u32 told;

	(void)state;
	lb_bed_runs("set gateway=02:00:00:00:00:01");
	agent_bed_start(HWMARK_FLOW);
	assert_in_range(hwmark_pool_fill(&agent_bed->pool, &agent_bed->marks), 1, AGENT_BED_MARKS);
	told = agent_bed->pool.pools[sched_getcpu()].ids[0];
	send_flows(1000, 1);
	memset(is_in, true, sizeof(is_in));
	hwmark_offload_drain(agent_bed, is_in);
	for (__u32 mark = 0; mark < AGENT_BED_MARKS; mark++)
		assert_int_equal(is_in[mark], mark != told);
	assert_int_equal(agent_bed->agent.events, 0);
}

static void a_vip_that_takes_the_port_of_a_flow_ends_its_mark(void **state)
{
	struct lb_mark_event event;
	__u32 mark;

	(void)state;
	lb_bed_runs("vip del " AGENT_BED_VIP);
	lb_bed_runs("vip add tcp/192.0.2.1");
	lb_bed_runs("real add tcp/192.0.2.1 203.0.113.1");
	agent_bed_start(HWMARK_DESTINATION);
	event = agent_bed_event(1000, 0);
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (agent_bed->view.model.vips[n].is_used)
			event.vip = n;
	event.life = agent_bed->view.model.vips[event.vip].life;
	event.real = agent_bed->view.model.vips[event.vip].reals[0].real;
	event.epoch = agent_bed->view.model.reals[event.real].epoch;
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.taken, 1);
	mark = 1;
	assert_true(is_live(mark));
	lb_bed_runs("vip add udp/192.0.2.1:81");
	follow();
	assert_true(is_live(mark));
	/* It was of all ports, which 81 is not any more. */
	lb_bed_runs("vip add tcp/192.0.2.1:81");
	follow();
	assert_false(is_live(mark));
	event.generation = agent_bed->view.generation;
	event.sport = htons(1001);
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.taken, 2);
	mark = 2;
	assert_true(is_live(mark));
	lb_bed_runs("vip add tcp/192.0.2.0/24:80");
	follow();
	assert_false(is_live(mark));
}

static void what_an_agent_left_is_not_known_to_hold_in_another_generation(void **state)
{
	struct hwmark_entry entry;
	__u32 mark;

	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	mark = tell_of(1000);
	agent_bed_stop();
	lb_bed_runs("vip add tcp/192.0.2.9:80");
	agent_bed_start(HWMARK_DESTINATION);
	assert_int_equal(hwmark_entry_get(&agent_bed->maps, mark, &why, &entry), 0);
	assert_int_equal(entry.generation, 0);
	/* Packets may have it still: another one is the first to be used. */
	assert_int_equal(hwmark_marks_state(&agent_bed->marks, mark), HWMARK_MARK_RESTING);
	assert_int_not_equal(tell_of(1000), mark);
}

#define ADD(fn) TAP_ADD(&plan, fn, agent_bed_set_up, agent_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	/* Of lb's pools one is this CPU's. */
	progrun_stay();
	ADD(a_mark_ends_when_its_ring_changes_and_no_other);
	ADD(a_ring_that_changed_back_before_anybody_looked_is_another_one);
	ADD(a_port_that_is_used_again_goes_where_the_ring_leads_then);
	ADD(what_a_command_is_changing_is_not_believed);
	ADD(a_real_that_is_down_is_nobodys);
	ADD(what_was_told_of_before_the_ring_changed_is_refused);
	ADD(what_waits_when_an_agent_starts_is_forgotten);
	ADD(a_mark_is_in_one_pool_or_none_whatever_agents_begin);
	ADD(a_mark_that_was_in_a_pool_and_is_told_of_is_in_none);
	ADD(a_vip_that_takes_the_port_of_a_flow_ends_its_mark);
	ADD(what_an_agent_left_is_not_known_to_hold_in_another_generation);
	return tap_run(&plan, "hwmark_follow", 1);
}
