/* SPDX-License-Identifier: GPL-2.0-only */
/* What the agent of hwmark says of what goes wrong, and that flows go on without marks then. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/support/agent_bed.h"
#include "tests/support/flower_bed.h"
#include "tests/support/tap.h"

static struct slot_reason why;

static const char *said(enum hwmark_trouble which)
{
	return agent_bed->troubles[which].text;
}

/* Whether @which was said before the deadline. */
static bool is_said(enum hwmark_trouble which)
{
	for (int i = 0; i < 100 && !*said(which); i++)
		assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	return *said(which);
}

static void a_mark_of_lbs_pool_that_is_not_free_is_said_to_be_so(void **state)
{
	struct lb_mark_event event;
	__u32 mark;

	(void)state;
	agent_bed_start(HWMARK_FLOW);
	mark = hwmark_marks_take(&agent_bed->marks);
	event = agent_bed_event(1000, mark);
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.taken, 1);
	event = agent_bed_event(1001, mark);
	agent_bed_tell(&event);
	event = agent_bed_event(1002, AGENT_BED_MARKS);
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.taken, 1);
	assert_int_equal(agent_bed->agent.refused, 2);
	assert_int_equal(agent_bed->agent.full, 0);
	assert_string_equal(said(HWMARK_TROUBLE_MARKS), "");
	assert_non_null(strstr(said(HWMARK_TROUBLE_POOL), "lb has given a flow a mark"));
}

/* As the queue reports it. */
static void a_rule_whose_place_is_taken_is_said_to_be_so(void **state)
{
	const struct slot_flower_rule rule = { .actions[0].mark = 1, .action_count = 1 };
	struct hwmark_flow *flow;

	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	flow = hwmark_flows_add(&agent_bed->flows, &rule);
	assert_non_null(flow);
	flow->flow.request.is_reported = true;
	flow->flow.request.reported = SLOT_QUEUE_FAILED;
	flow->flow.request.error = -EEXIST;
	TAILQ_INSERT_TAIL(&agent_bed->device.reports, &flow->flow.request, report);
	hwmark_offload_reports(agent_bed);
	assert_int_equal(agent_bed->flows.count, 0);
	assert_string_equal(said(HWMARK_TROUBLE_RULES), "");
	assert_string_equal(said(HWMARK_TROUBLE_TAKEN),
			    "somebody else has rules of the same handles or flows at lo, pref 1000 "
			    "and 1001: such flows go on without marks (pref=N)");
	/* Others are taken. */
	assert_int_equal(agent_bed->paused_ms, 0);
}

/* One that the device has, as far as the queue knows. */
static void adopt_rule(void)
{
	const struct slot_flower_rule rule = {
		.match = { .family = AF_INET, .proto = IPPROTO_UDP },
		.actions[0].mark = 1,
		.action_count = 1,
		.owner = agent_bed->device.owner,
	};
	struct hwmark_flow *flow = hwmark_flows_add(&agent_bed->flows, &rule);

	assert_non_null(flow);
	assert_int_equal(slot_queue_adopt(agent_bed->device.queue, &flow->flow.request.request), 0);
	hwmark_offload_leave(agent_bed, flow, NULL);
}

/* Takes all further descriptors, and with them sockets, from this process; @before: gives back. */
static void limit_descriptors(struct rlimit *before, bool is_none)
{
	struct rlimit none;

	if (is_none)
		assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
	none = (struct rlimit){ 3, before->rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, is_none ? &none : before), 0);
}

/* A rule that has to go and cannot. */
static void keep_rule(void)
{
	adopt_rule();
	for (int i = 0; i < 100 && !*said(HWMARK_TROUBLE_REMOVAL); i++) {
		const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

		hwmark_offload_reports(agent_bed);
		nanosleep(&pause, NULL);
	}
}

static void each_failure_has_its_own_words(void **state)
{
	struct rlimit before;
	struct lb_mark_event event;

	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	/* No loopback takes that, nor a kernel without flower. */
	agent_bed->device.set.offload = SLOT_FLOWER_SKIP_SW;
	event = agent_bed_event(1000, 0);
	agent_bed_tell(&event);
	assert_true(is_said(HWMARK_TROUBLE_RULES));
	assert_non_null(strstr(said(HWMARK_TROUBLE_RULES), "lo takes no rules: "));
	assert_true(strstr(said(HWMARK_TROUBLE_RULES), "wants offload=both)") ||
		    strstr(said(HWMARK_TROUBLE_RULES), "(has the kernel cls_flower"));
	limit_descriptors(&before, true);
	keep_rule();
	limit_descriptors(&before, false);
	assert_non_null(strstr(said(HWMARK_TROUBLE_REMOVAL), strerror(EMFILE)));
	slot_device_failure(&agent_bed->device, SLOT_QUEUE_FAILED,
			    agent_bed->device.not_installed.err, &why);
	assert_non_null(strstr(said(HWMARK_TROUBLE_RULES), why.text));
	assert_null(strstr(why.text, strerror(EMFILE)));
	/* One that was told of before the latest. */
	slot_device_failure(&agent_bed->device, SLOT_QUEUE_FAILED, -EPERM, &why);
	assert_string_equal(why.text, strerror(EPERM));
}

/* Its rules would pass for gone with it. */
static void a_device_that_cannot_be_asked_for_is_still_there(void **state)
{
	struct rlimit before;
	__u32 ifindex;

	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	ifindex = agent_bed->device.ifindex;
	assert_int_not_equal(ifindex, 0);
	limit_descriptors(&before, true);
	agent_bed->find_ms = agent_bed->look_ms = 0;
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	keep_rule();
	limit_descriptors(&before, false);
	assert_int_equal(agent_bed->device.ifindex, ifindex);
	assert_false(agent_bed->device.has_place);
	assert_non_null(strstr(said(HWMARK_TROUBLE_DEVICE),
			       "cannot see whether there is a device 'lo': Too many open files"));
	assert_non_null(strstr(said(HWMARK_TROUBLE_LIST), "cannot list the rules of lo: "));
	assert_non_null(strstr(said(HWMARK_TROUBLE_REMOVAL), "rules of lo could not be removed: "));
	agent_bed->find_ms = 0;
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_true(agent_bed->device.has_place);
	assert_string_equal(said(HWMARK_TROUBLE_DEVICE), "");
}

static void a_device_without_a_place_for_rules_gets_none(void **state)
{
	struct lb_mark_event event;

	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	flower_bed_must("tc qdisc del dev lo clsact && tc qdisc add dev lo ingress");
	agent_bed->device.set.is_egress = true;
	agent_bed->find_ms = 0;
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_non_null(strstr(said(HWMARK_TROUBLE_DEVICE), "no rules can be put at lo"));
	event = agent_bed_event(1000, 0);
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.taken, 0);
	assert_int_equal(agent_bed->agent.paused, 1);
	flower_bed_must("tc qdisc del dev lo ingress");
	agent_bed->find_ms = 0;
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	agent_bed_tell(&event);
	assert_int_equal(agent_bed->agent.taken, 1);
}

#define ADD(fn) TAP_ADD(&plan, fn, agent_bed_set_up, agent_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(a_mark_of_lbs_pool_that_is_not_free_is_said_to_be_so);
	ADD(a_rule_whose_place_is_taken_is_said_to_be_so);
	ADD(each_failure_has_its_own_words);
	ADD(a_device_that_cannot_be_asked_for_is_still_there);
	ADD(a_device_without_a_place_for_rules_gets_none);
	return tap_run(&plan, "hwmark_troubles", 1);
}
