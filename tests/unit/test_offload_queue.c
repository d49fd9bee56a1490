/* SPDX-License-Identifier: GPL-2.0-only */
/* The queue of offloads: each order of adding, cancelling and completing. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "tests/support/queue_bed.h"
#include "tests/support/tap.h"

static void installs_what_is_added(void **state)
{
	(void)state;
	queue_bed_add(0);
	queue_bed_drain();
	queue_bed_assert_reported(0, SLOT_QUEUE_ACTIVE, 1);
	assert_true(queue_bed.things[0].is_in);
	assert_int_equal(queue_bed.things[0].answer.err, 0);
}

static void what_is_cancelled_while_pending_is_never_installed(void **state)
{
	(void)state;
	queue_bed_add_and_hold(0);
	queue_bed_add(1);
	assert_int_equal(queue_bed_state(1), SLOT_QUEUE_PENDING);
	queue_bed_cancel(1);
	queue_bed_release();
	queue_bed_assert_reported(1, SLOT_QUEUE_CANCELLED, 0);
	queue_bed_assert_calls("i1");
}

static void what_is_cancelled_while_installing_is_removed(void **state)
{
	(void)state;
	queue_bed_add_and_hold(0);
	assert_int_equal(queue_bed_state(0), SLOT_QUEUE_INSTALLING);
	queue_bed_cancel(0);
	queue_bed_release();
	queue_bed_assert_reported(0, SLOT_QUEUE_CANCELLED, 0);
	assert_false(queue_bed.things[0].is_in);
	queue_bed_assert_calls("i1 r1");
}

static void what_is_cancelled_while_it_is_refused_is_cancelled(void **state)
{
	(void)state;
	queue_bed.things[0].is_refused = true;
	queue_bed_add_and_hold(0);
	queue_bed_cancel(0);
	queue_bed_release();
	queue_bed_assert_reported(0, SLOT_QUEUE_CANCELLED, 0);
	assert_int_equal(queue_bed.things[0].answer.err, 0);
	queue_bed_assert_calls("i1");
}

static void what_is_cancelled_while_active_is_removed(void **state)
{
	(void)state;
	queue_bed_add(0);
	queue_bed_drain();
	queue_bed_cancel(0);
	queue_bed_drain();
	queue_bed_assert_reported(0, SLOT_QUEUE_REMOVED, 1);
	queue_bed_assert_calls("i1 r1");
}

static void adopt(size_t index)
{
	queue_bed.things[index].is_in = true;
	assert_int_equal(slot_queue_adopt(queue_bed.queue, &queue_bed.things[index].request), 0);
}

static void what_is_adopted_is_active_at_once_and_removed_when_cancelled(void **state)
{
	struct slot_queue_stats stats;

	(void)state;
	queue_bed_add_and_hold(0);
	adopt(1);
	assert_int_equal(queue_bed_state(1), SLOT_QUEUE_ACTIVE);
	queue_bed_cancel(1);
	queue_bed_release();
	queue_bed_assert_reported(1, SLOT_QUEUE_REMOVED, 0);
	assert_false(queue_bed.things[1].is_in);
	queue_bed_assert_calls("i1 r1");
	slot_queue_stats(queue_bed.queue, &stats);
	assert_int_equal(stats.installed, 1);
	assert_int_equal(stats.active, 1);
}

static void what_is_adopted_is_not_counted_as_installed(void **state)
{
	struct slot_queue_stats stats;
	__u64 latencies = 0;
	size_t i;

	(void)state;
	adopt(0);
	slot_queue_stats(queue_bed.queue, &stats);
	for (i = 0; i < SLOT_QUEUE_BUCKETS; i++)
		latencies += stats.latency[i];
	assert_int_equal(stats.active, 1);
	assert_int_equal(stats.installed, 0);
	assert_int_equal(latencies, 0);
	assert_int_equal(slot_queue_adopt(queue_bed.queue, &queue_bed.things[0].request),
			 -EALREADY);
	assert_int_equal(slot_queue_add(queue_bed.queue, &queue_bed.things[0].request), -EALREADY);
}

static void what_is_refused_has_failed_and_why(void **state)
{
	(void)state;
	queue_bed.things[0].is_refused = true;
	queue_bed_add(0);
	queue_bed_drain();
	queue_bed_assert_reported(0, SLOT_QUEUE_FAILED, 0);
	assert_int_equal(queue_bed.things[0].answer.err, -EIO);
	assert_string_equal(queue_bed.things[0].answer.text, "no room in the device");
}

static void one_refused_of_several_fails_alone(void **state)
{
	(void)state;
	queue_bed_add_and_hold(0);
	queue_bed.things[2].is_refused = true;
	queue_bed_add(1);
	queue_bed_add(2);
	queue_bed_add(3);
	queue_bed_release();
	queue_bed_assert_calls("i1 i3");
	queue_bed_assert_reported(1, SLOT_QUEUE_ACTIVE, 1);
	queue_bed_assert_reported(2, SLOT_QUEUE_FAILED, 0);
	queue_bed_assert_reported(3, SLOT_QUEUE_ACTIVE, 1);
	assert_int_equal(queue_bed.things[3].answer.err, 0);
}

static void what_has_ended_may_be_added_again(void **state)
{
	(void)state;
	queue_bed.things[0].is_refused = true;
	queue_bed_add(0);
	queue_bed_drain();
	queue_bed.things[0].is_refused = false;
	queue_bed_add(0);
	queue_bed_drain();
	assert_int_equal(queue_bed_state(0), SLOT_QUEUE_ACTIVE);
	queue_bed_cancel(0);
	queue_bed_drain();
	queue_bed_add(0);
	queue_bed_drain();
	assert_int_equal(queue_bed_state(0), SLOT_QUEUE_ACTIVE);
}

static void what_cannot_be_removed_stays_active_and_may_be_cancelled_again(void **state)
{
	(void)state;
	queue_bed_add(0);
	queue_bed_drain();
	queue_bed.things[0].is_stuck = true;
	queue_bed_cancel(0);
	queue_bed_drain();
	queue_bed_assert_reported(0, SLOT_QUEUE_ACTIVE, 2);
	assert_int_equal(queue_bed.things[0].answer.err, -EBUSY);
	queue_bed.things[0].is_stuck = false;
	queue_bed_cancel(0);
	queue_bed_drain();
	queue_bed_assert_reported(0, SLOT_QUEUE_REMOVED, 2);
}

static void what_was_cancelled_and_cannot_be_removed_is_active(void **state)
{
	struct slot_queue_stats stats;

	(void)state;
	queue_bed.things[0].is_stuck = true;
	queue_bed_add_and_hold(0);
	queue_bed_cancel(0);
	queue_bed_release();
	queue_bed_assert_reported(0, SLOT_QUEUE_ACTIVE, 1);
	assert_int_equal(queue_bed.things[0].answer.err, -EBUSY);
	queue_bed.things[0].is_stuck = false;
	slot_queue_stats(queue_bed.queue, &stats);
	assert_int_equal(stats.active, 1);
	queue_bed_cancel(0);
	queue_bed_drain();
	queue_bed_assert_reported(0, SLOT_QUEUE_REMOVED, 1);
}

static void nothing_is_cancelled_twice(void **state)
{
	struct slot_queue_request *request = &queue_bed.things[0].request;

	(void)state;
	assert_int_equal(slot_queue_cancel(queue_bed.queue, request), -EALREADY);
	queue_bed_add_and_hold(0);
	queue_bed_cancel(0);
	assert_int_equal(slot_queue_cancel(queue_bed.queue, request), -EALREADY);
	queue_bed_add(1);
	queue_bed_cancel(1);
	assert_int_equal(slot_queue_cancel(queue_bed.queue, &queue_bed.things[1].request),
			 -EALREADY);
	queue_bed_release();
	assert_int_equal(slot_queue_cancel(queue_bed.queue, request), -EALREADY);
	queue_bed_add(0);
	queue_bed_drain();
	queue_bed_hold();
	queue_bed_cancel(0);
	queue_bed_wait_inside();
	assert_int_equal(queue_bed_state(0), SLOT_QUEUE_REMOVING);
	assert_int_equal(slot_queue_cancel(queue_bed.queue, request), -EALREADY);
	queue_bed_release();
	assert_int_equal(queue_bed.things[0].reports[SLOT_QUEUE_REMOVED], 1);
}

static void nothing_is_added_twice(void **state)
{
	(void)state;
	queue_bed_add_and_hold(0);
	assert_int_equal(slot_queue_add(queue_bed.queue, &queue_bed.things[0].request), -EALREADY);
	queue_bed_add(1);
	assert_int_equal(slot_queue_add(queue_bed.queue, &queue_bed.things[1].request), -EALREADY);
	queue_bed_release();
	assert_int_equal(slot_queue_add(queue_bed.queue, &queue_bed.things[0].request), -EALREADY);
}

static void what_is_cancelled_is_not_added_before_it_is_reported(void **state)
{
	(void)state;
	queue_bed_add_and_hold(0);
	queue_bed_add(1);
	queue_bed_cancel(1);
	assert_int_equal(slot_queue_add(queue_bed.queue, &queue_bed.things[1].request), -EALREADY);
	queue_bed_release();
	queue_bed_assert_reported(1, SLOT_QUEUE_CANCELLED, 0);
}

static void a_full_queue_says_so_and_what_is_cancelled_makes_room(void **state)
{
	struct slot_queue_stats stats;
	size_t i;

	(void)state;
	queue_bed_add_and_hold(0);
	for (i = 1; i <= QUEUE_BED_PENDING_MAX; i++)
		queue_bed_add(i);
	assert_int_equal(slot_queue_add(queue_bed.queue, &queue_bed.things[i].request), -ENOSPC);
	assert_int_equal(queue_bed_state(i), SLOT_QUEUE_NONE);
	slot_queue_stats(queue_bed.queue, &stats);
	assert_int_equal(stats.pending, QUEUE_BED_PENDING_MAX);
	queue_bed_cancel(4);
	queue_bed_add(i);
	queue_bed_release();
	slot_queue_stats(queue_bed.queue, &stats);
	assert_int_equal(stats.pending, 0);
	assert_int_equal(stats.active, QUEUE_BED_PENDING_MAX + 1);
	assert_int_equal(stats.cancelled, 1);
}

static void what_waits_goes_in_batches(void **state)
{
	size_t i;

	(void)state;
	queue_bed_add_and_hold(0);
	for (i = 1; i <= 7; i++)
		queue_bed_add(i);
	queue_bed_release();
	queue_bed_assert_calls("i1 i3 i3 i1");
}

static void removals_come_before_installations(void **state)
{
	(void)state;
	queue_bed_add(0);
	queue_bed_drain();
	queue_bed_add_and_hold(1);
	queue_bed_add(2);
	queue_bed_cancel(0);
	queue_bed_cancel(1);
	queue_bed_release();
	queue_bed_assert_calls("i1 i1 r2 i1");
	queue_bed_assert_reported(2, SLOT_QUEUE_ACTIVE, 1);
}

static void a_report_may_add_again(void **state)
{
	(void)state;
	queue_bed.things[0].is_refused = true;
	queue_bed.again = 10;
	queue_bed_add(0);
	queue_bed_drain();
	assert_int_equal(queue_bed.things[0].reports[SLOT_QUEUE_FAILED], 11);
}

static void draining_ends_at_its_time(void **state)
{
	(void)state;
	queue_bed_add_and_hold(0);
	assert_int_equal(slot_queue_drain(queue_bed.queue, 1), -ETIMEDOUT);
	queue_bed_release();
}

static void *free_in_thread(void *data)
{
	slot_queue_free(queue_bed.queue);
	return data;
}

/* Meanwhile nothing more is taken: the sign that the other thread has come so far. */
static void wait_ending(size_t index)
{
	struct slot_queue_request *request = &queue_bed.things[index].request;

	while (slot_queue_add(queue_bed.queue, request) != -ESHUTDOWN)
		if (queue_bed_state(index) == SLOT_QUEUE_PENDING)
			slot_queue_cancel(queue_bed.queue, request);
}

static void freeing_cancels_what_waits_and_completes_the_rest(void **state)
{
	pthread_t thread;

	(void)state;
	queue_bed_add(0);
	queue_bed_add(1);
	queue_bed_drain();
	queue_bed_add_and_hold(2);
	queue_bed_add(3);
	queue_bed_cancel(1);
	queue_bed_cancel(2);
	pthread_create(&thread, NULL, free_in_thread, NULL);
	wait_ending(9);
	queue_bed_let_go();
	pthread_join(thread, NULL);
	queue_bed.queue = NULL;
	assert_int_equal(queue_bed.things[0].reports[SLOT_QUEUE_ACTIVE], 1);
	assert_true(queue_bed.things[0].is_in);
	assert_int_equal(queue_bed.things[1].reports[SLOT_QUEUE_REMOVED], 1);
	assert_int_equal(queue_bed.things[2].reports[SLOT_QUEUE_CANCELLED], 1);
	assert_int_equal(queue_bed.things[3].reports[SLOT_QUEUE_CANCELLED], 1);
	assert_false(queue_bed.things[1].is_in || queue_bed.things[2].is_in ||
		     queue_bed.things[3].is_in);
}

static __u64 now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000000 + (__u64)now.tv_nsec / 1000;
}

static void latency_is_counted_from_adding_by_powers_of_two(void **state)
{
	struct slot_queue_stats stats;
	__u64 since = now_us();
	__u64 count = 0;
	size_t i;

	(void)state;
	queue_bed_add_and_hold(0);
	while (now_us() < since + 5000)
		;
	queue_bed_release();
	slot_queue_stats(queue_bed.queue, &stats);
	for (i = 0; i < SLOT_QUEUE_BUCKETS; i++)
		count += stats.latency[i];
	assert_int_equal(count, 1);
	/* 5 ms are not below 2^12 us */
	for (i = 0; i <= 12; i++)
		assert_int_equal(stats.latency[i], 0);
	assert_int_equal(stats.installed, 1);
}

static void refuses_settings_without_room(void **state)
{
	const struct slot_queue_settings none = { .pending_max = 0, .batch_max = 1 };
	const struct slot_queue_settings no_batch = { .pending_max = 1, .batch_max = 0 };
	struct slot_queue *queue;

	(void)state;
	assert_int_equal(slot_queue_new(&none, &queue), -EINVAL);
	assert_int_equal(slot_queue_new(&no_batch, &queue), -EINVAL);
	slot_queue_free(NULL);
}

#define ADD(fn) TAP_ADD(&plan, fn, queue_bed_start, queue_bed_end)

int main(void)
{
	struct tap_plan plan = { 0 };

	ADD(installs_what_is_added);
	ADD(what_is_cancelled_while_pending_is_never_installed);
	ADD(what_is_cancelled_while_installing_is_removed);
	ADD(what_is_cancelled_while_it_is_refused_is_cancelled);
	ADD(what_is_cancelled_while_active_is_removed);
	ADD(what_is_adopted_is_active_at_once_and_removed_when_cancelled);
	ADD(what_is_adopted_is_not_counted_as_installed);
	ADD(what_is_refused_has_failed_and_why);
	ADD(one_refused_of_several_fails_alone);
	ADD(what_has_ended_may_be_added_again);
	ADD(what_cannot_be_removed_stays_active_and_may_be_cancelled_again);
	ADD(what_was_cancelled_and_cannot_be_removed_is_active);
	ADD(nothing_is_cancelled_twice);
	ADD(nothing_is_added_twice);
	ADD(what_is_cancelled_is_not_added_before_it_is_reported);
	ADD(a_full_queue_says_so_and_what_is_cancelled_makes_room);
	ADD(what_waits_goes_in_batches);
	ADD(removals_come_before_installations);
	ADD(a_report_may_add_again);
	ADD(draining_ends_at_its_time);
	ADD(freeing_cancels_what_waits_and_completes_the_rest);
	ADD(latency_is_counted_from_adding_by_powers_of_two);
	ADD(refuses_settings_without_room);
	return tap_run(&plan, "offload_queue", 0);
}
