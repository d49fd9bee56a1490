/* SPDX-License-Identifier: GPL-2.0-only */
/* What the agent of hwmark keeps: marks and flows. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "programs/hwmark/agent/hwmark_device.h"
#include "programs/hwmark/agent/hwmark_flows.h"
#include "programs/hwmark/agent/hwmark_marks.h"
#include "tests/support/tap.h"

#define MARKS 8
#define OWNER 77

static struct hwmark_entry make_entry(__u32 real, __u32 generation)
{
	return (struct hwmark_entry){
		.generation = generation, .vip = 1, .real = real, .proto = IPPROTO_TCP
	};
}

static void give_all(struct hwmark_marks *marks)
{
	assert_int_equal(hwmark_marks_new(MARKS, marks), 0);
	for (__u32 mark = 1; mark < MARKS; mark++)
		hwmark_marks_give(marks, mark);
}

static void a_mark_is_given_once_and_rests_as_long_as_it_can(void **state)
{
	struct hwmark_marks marks;

	(void)state;
	give_all(&marks);
	/* What is no mark, what is free already. */
	hwmark_marks_give(&marks, 0);
	hwmark_marks_give(&marks, MARKS);
	hwmark_marks_give(&marks, 3);
	assert_int_equal(marks.free_count, MARKS - 1);
	assert_int_equal(hwmark_marks_take(&marks), 1);
	hwmark_marks_give(&marks, 1);
	for (__u32 mark = 2; mark < MARKS; mark++)
		assert_int_equal(hwmark_marks_take(&marks), mark);
	assert_int_equal(hwmark_marks_take(&marks), 1);
	assert_int_equal(hwmark_marks_take(&marks), 0);
	hwmark_marks_free(&marks);
}

static void a_mark_is_found_by_its_entry_of_whatever_generation(void **state)
{
	struct hwmark_entry entry = make_entry(7, 1), later = make_entry(7, 2);
	struct hwmark_entry other = make_entry(8, 1);
	struct hwmark_marks marks;

	(void)state;
	give_all(&marks);
	hwmark_marks_use(&marks, hwmark_marks_take(&marks), &entry);
	assert_int_equal(hwmark_marks_find(&marks, &later), 1);
	assert_int_equal(hwmark_marks_find(&marks, &other), 0);
	/* What holds no more takes no new flows: the same entry gets another mark. */
	marks.marks[1].is_dead = true;
	assert_int_equal(hwmark_marks_find(&marks, &later), 0);
	hwmark_marks_use(&marks, hwmark_marks_take(&marks), &later);
	assert_int_equal(hwmark_marks_find(&marks, &entry), 2);
	assert_true(hwmark_marks_drop(&marks, 1));
	assert_int_equal(hwmark_marks_find(&marks, &entry), 2);
	hwmark_marks_free(&marks);
}

static void a_mark_that_rules_gave_rests_a_second_from_when_its_entry_is_free(void **state)
{
	struct hwmark_entry entry = make_entry(7, 1);
	struct hwmark_marks marks;

	(void)state;
	give_all(&marks);
	hwmark_marks_use(&marks, hwmark_marks_take(&marks), &entry);
	marks.marks[1].users = 2;
	assert_false(hwmark_marks_drop(&marks, 1));
	assert_int_equal(hwmark_marks_state(&marks, 1), HWMARK_MARK_USED);
	hwmark_marks_give(&marks, 1);
	assert_int_equal(hwmark_marks_state(&marks, 1), HWMARK_MARK_USED);
	assert_true(hwmark_marks_drop(&marks, 1));
	assert_int_equal(marks.used, 0);
	hwmark_marks_give(&marks, 1);
	hwmark_marks_wake(&marks, 1000000);
	assert_int_equal(hwmark_marks_state(&marks, 1), HWMARK_MARK_RESTING);
	hwmark_marks_rest(&marks, 1, 5000);
	/* Once. */
	hwmark_marks_rest(&marks, 1, 5900);
	hwmark_marks_give(&marks, 1);
	hwmark_marks_wake(&marks, 5999);
	assert_int_equal(hwmark_marks_state(&marks, 1), HWMARK_MARK_RESTING);
	assert_int_equal(marks.free_count, MARKS - 2);
	hwmark_marks_wake(&marks, 6000);
	assert_int_equal(hwmark_marks_state(&marks, 1), HWMARK_MARK_FREE);
	assert_int_equal(marks.free_count, MARKS - 1);
	hwmark_marks_free(&marks);
}

static void marks_that_rest_are_free_in_their_order(void **state)
{
	struct hwmark_marks marks;

	(void)state;
	assert_int_equal(hwmark_marks_new(MARKS, &marks), 0);
	/* From the beginning, as what another agent left; around the ring, and what is no mark. */
	for (__u32 i = 0; i < 3 * MARKS; i++) {
		__u32 mark = 1 + i % (MARKS - 1);

		hwmark_marks_rest(&marks, mark, 1 + i);
		hwmark_marks_rest(&marks, MARKS, 1 + i);
		hwmark_marks_wake(&marks, 1000 + i);
		assert_int_equal(marks.resting_count, 1);
		hwmark_marks_wake(&marks, 1001 + i);
		assert_int_equal(hwmark_marks_take(&marks), mark);
	}
	assert_int_equal(hwmark_marks_take(&marks), 0);
	/* What is free or used does not rest. */
	hwmark_marks_give(&marks, 2);
	hwmark_marks_rest(&marks, 2, 1);
	assert_int_equal(hwmark_marks_state(&marks, 2), HWMARK_MARK_FREE);
	hwmark_marks_free(&marks);
}

static void many_entries_keep_their_marks_apart(void **state)
{
	const __u32 count = 1000;
	struct hwmark_marks marks;

	(void)state;
	assert_int_equal(hwmark_marks_new(count, &marks), 0);
	for (__u32 mark = 1; mark < count; mark++) {
		struct hwmark_entry entry = make_entry(mark, 1);

		hwmark_marks_use(&marks, mark, &entry);
	}
	for (__u32 mark = 1; mark < count; mark += 2)
		assert_true(hwmark_marks_drop(&marks, mark));
	for (__u32 mark = 1; mark < count; mark++) {
		struct hwmark_entry entry = make_entry(mark, 9);

		assert_int_equal(hwmark_marks_find(&marks, &entry), mark % 2 ? 0 : mark);
	}
	hwmark_marks_free(&marks);
}

static struct slot_flower_rule make_rule(__u16 port, __u32 handle)
{
	return (struct slot_flower_rule){
		.match = { .family = AF_INET,
			   .proto = IPPROTO_TCP,
			   .source = { .address = { htonl(0xc0000201) }, .port = htons(port) },
			   .destination = { .address = { htonl(0xcb007101) }, .port = htons(80) } },
		.handle = handle,
	};
}

static void a_table_of_flows_is_bounded(void **state)
{
	struct slot_flower_rule one = make_rule(1, 0), two = make_rule(2, 0);
	struct slot_flower_rule three = make_rule(3, 0);
	struct hwmark_flow *flow;
	struct slot_flows flows;

	(void)state;
	assert_int_equal(hwmark_flows_new(2, 0, &flows), 0);
	flow = hwmark_flows_add(&flows, &one);
	assert_non_null(flow);
	assert_int_equal(flow->flow.request.rule.handle, SLOT_FLOWS_HANDLE);
	assert_null(hwmark_flows_add(&flows, &one));
	assert_non_null(hwmark_flows_add(&flows, &two));
	assert_null(hwmark_flows_add(&flows, &three));
	assert_int_equal(flows.count, 2);
	hwmark_flows_del(&flows, flow);
	assert_null(hwmark_flows_find(&flows, &one.match));
	assert_ptr_equal(hwmark_flows_add(&flows, &three), flow);
	assert_ptr_equal(hwmark_flows_find(&flows, &three.match), flow);
	slot_flows_free(&flows);
}

static void a_flow_that_is_there_already_keeps_the_handle_of_its_rule(void **state)
{
	const __u32 first = SLOT_FLOWS_HANDLE + OWNER * SLOT_FLOWS_ROOM;
	struct slot_flower_rule there = make_rule(1, first + 2), same = make_rule(2, first + 2);
	struct slot_flower_rule beyond = make_rule(3, first + 4), below = make_rule(3, first - 1);
	struct slot_flower_rule new = make_rule(4, 0);
	struct slot_flows flows;

	(void)state;
	assert_int_equal(hwmark_flows_new(4, OWNER, &flows), 0);
	assert_non_null(hwmark_flows_add(&flows, &there));
	assert_ptr_equal(hwmark_flows_at(&flows, 2), hwmark_flows_find(&flows, &there.match));
	assert_ptr_equal(hwmark_flows_of(&flows, first + 2), hwmark_flows_at(&flows, 2));
	assert_null(hwmark_flows_add(&flows, &same));
	assert_null(hwmark_flows_add(&flows, &beyond));
	assert_null(hwmark_flows_add(&flows, &below));
	assert_null(hwmark_flows_at(&flows, 0));
	assert_null(hwmark_flows_at(&flows, 4));
	assert_null(hwmark_flows_of(&flows, 3));
	assert_null(hwmark_flows_of(&flows, first + 4));
	for (int i = 0; i < 3; i++) {
		const struct hwmark_flow *flow;

		new.match.source.port++;
		flow = hwmark_flows_add(&flows, &new);
		assert_non_null(flow);
		assert_int_not_equal(flow->flow.request.rule.handle, first + 2);
	}
	assert_null(hwmark_flows_add(&flows, &beyond));
	slot_flows_free(&flows);
}

static void agents_of_other_slots_have_other_handles(void **state)
{
	struct slot_flower_rule rule = make_rule(1, 0);
	struct slot_flows one, other, last;

	(void)state;
	assert_int_equal(
		hwmark_flows_new(2, slot_device_owner(HWMARK_TAG, "/sys/fs/bpf/one"), &one), 0);
	assert_int_equal(
		hwmark_flows_new(2, slot_device_owner(HWMARK_TAG, "/sys/fs/bpf/other"), &other), 0);
	assert_int_equal(hwmark_flows_new(2, SLOT_FLOWS_ROOMS - 1, &last), 0);
	assert_in_range(labs((long)one.first - (long)other.first), SLOT_FLOWS_ROOM, UINT32_MAX);
	assert_non_null(hwmark_flows_add(&one, &rule));
	assert_null(hwmark_flows_of(&one, other.first));
	assert_non_null(hwmark_flows_of(&one, one.first));
	/* The kernel's own end there. */
	assert_in_range(last.first + (SLOT_FLOWS_ROOM - 1), 1, INT32_MAX);
	slot_flows_free(&one);
	slot_flows_free(&other);
	slot_flows_free(&last);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_mark_is_given_once_and_rests_as_long_as_it_can, NULL, NULL);
	TAP_ADD(&plan, a_mark_is_found_by_its_entry_of_whatever_generation, NULL, NULL);
	TAP_ADD(&plan, a_mark_that_rules_gave_rests_a_second_from_when_its_entry_is_free, NULL,
		NULL);
	TAP_ADD(&plan, marks_that_rest_are_free_in_their_order, NULL, NULL);
	TAP_ADD(&plan, many_entries_keep_their_marks_apart, NULL, NULL);
	TAP_ADD(&plan, a_table_of_flows_is_bounded, NULL, NULL);
	TAP_ADD(&plan, a_flow_that_is_there_already_keeps_the_handle_of_its_rule, NULL, NULL);
	TAP_ADD(&plan, agents_of_other_slots_have_other_handles, NULL, NULL);
	return tap_run(&plan, "hwmark_agent", 1);
}
