/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of offloads against operations that can be held in their middle: each order of
 * adding, cancelling and completing, and all at once. Also built with ThreadSanitizer.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loader/lib/offload/queue.h"
#include "tests/support/tap.h"

#define DEADLINE_S 20
#define DRAIN_MS (DEADLINE_S * 1000)
#define REQUESTS 12
#define PENDING_MAX 8
#define BATCH_MAX 3
#define CALLS_MAX 64

struct thing {
	struct slot_queue_request request; /* first */
	bool is_in;			   /* as the "device" has it */
	bool is_refused;		   /* it does not take it */
	bool is_stuck;			   /* it does not let go of it */
	unsigned int reports[SLOT_QUEUE_STATE_COUNT];
	struct slot_answer answer; /* of the latest report */
};

/* A call of an operation: 'i' or 'r', and of how many. */
struct call {
	char what;
	size_t count;
};

static struct {
	struct slot_queue *queue;
	pthread_mutex_t lock; /* of the rest, and of things but for their requests */
	pthread_cond_t changed;
	bool is_held; /* whoever begins an operation stays in it */
	size_t inside;
	struct call calls[CALLS_MAX];
	size_t call_count;
	size_t wrong;	    /* installed twice, removed twice, reported after the end */
	unsigned int again; /* how often the report of an end adds once more */
	struct thing things[REQUESTS];
} bed;

static struct thing *thing_of(struct slot_queue_request *request)
{
	return (struct thing *)request;
}

static void wait_changed(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE_S;
	if (pthread_cond_timedwait(&bed.changed, &bed.lock, &until)) {
		fprintf(stderr, "nothing has changed for %d s\n", DEADLINE_S);
		abort();
	}
}

static void enter_call(char what, size_t count)
{
	pthread_mutex_lock(&bed.lock);
	if (bed.call_count < CALLS_MAX)
		bed.calls[bed.call_count++] = (struct call){ what, count };
	bed.inside++;
	pthread_cond_broadcast(&bed.changed);
	while (bed.is_held)
		wait_changed();
	bed.inside--;
}

static void install_things(void *context, struct slot_queue_request *const *requests, size_t count,
			   struct slot_answer *ret_answers)
{
	size_t i;

	(void)context;
	enter_call('i', count);
	for (i = 0; i < count; i++) {
		struct thing *thing = thing_of(requests[i]);

		bed.wrong += thing->is_in;
		if (thing->is_refused)
			ret_answers[i] = (struct slot_answer){ -EIO, "no room in the device" };
		else
			thing->is_in = true;
	}
	pthread_mutex_unlock(&bed.lock);
}

static void remove_things(void *context, struct slot_queue_request *const *requests, size_t count,
			  struct slot_answer *ret_answers)
{
	size_t i;

	(void)context;
	enter_call('r', count);
	for (i = 0; i < count; i++) {
		struct thing *thing = thing_of(requests[i]);

		bed.wrong += !thing->is_in;
		if (thing->is_stuck)
			ret_answers[i] = (struct slot_answer){ -EBUSY, "the device is busy" };
		else
			thing->is_in = false;
	}
	pthread_mutex_unlock(&bed.lock);
}

static void report_thing(void *context, struct slot_queue_request *request,
			 enum slot_queue_state state, const struct slot_answer *answer)
{
	struct thing *thing = thing_of(request);
	bool is_again;

	(void)context;
	pthread_mutex_lock(&bed.lock);
	thing->reports[state]++;
	thing->answer = *answer;
	bed.wrong += (state == SLOT_QUEUE_ACTIVE) != thing->is_in;
	is_again = state != SLOT_QUEUE_ACTIVE && bed.again && bed.again--;
	pthread_cond_broadcast(&bed.changed);
	pthread_mutex_unlock(&bed.lock);
	if (is_again && slot_queue_add(bed.queue, request))
		abort();
}

static const struct slot_queue_ops ops = { install_things, remove_things, report_thing };

static int start_bed(void **state)
{
	const struct slot_queue_settings settings = { PENDING_MAX, BATCH_MAX, &ops, NULL };

	(void)state;
	memset(&bed, 0, sizeof(bed));
	pthread_mutex_init(&bed.lock, NULL);
	pthread_cond_init(&bed.changed, NULL);
	assert_int_equal(slot_queue_new(&settings, &bed.queue), 0);
	return 0;
}

static void set_held(bool is_held)
{
	pthread_mutex_lock(&bed.lock);
	bed.is_held = is_held;
	pthread_cond_broadcast(&bed.changed);
	pthread_mutex_unlock(&bed.lock);
}

static int end_bed(void **state)
{
	(void)state;
	set_held(false);
	slot_queue_free(bed.queue);
	assert_int_equal(bed.wrong, 0);
	pthread_cond_destroy(&bed.changed);
	pthread_mutex_destroy(&bed.lock);
	return 0;
}

static void add(size_t index)
{
	assert_int_equal(slot_queue_add(bed.queue, &bed.things[index].request), 0);
}

static void cancel(size_t index)
{
	assert_int_equal(slot_queue_cancel(bed.queue, &bed.things[index].request), 0);
}

static enum slot_queue_state state_of(size_t index)
{
	return slot_queue_state(bed.queue, &bed.things[index].request);
}

static void drain(void)
{
	assert_int_equal(slot_queue_drain(bed.queue, DRAIN_MS), 0);
}

/* Until the queue's thread is in an operation, and stays there. */
static void wait_inside(void)
{
	pthread_mutex_lock(&bed.lock);
	while (!bed.inside)
		wait_changed();
	pthread_mutex_unlock(&bed.lock);
}

static void add_and_hold(size_t index)
{
	set_held(true);
	add(index);
	wait_inside();
}

static void release(void)
{
	set_held(false);
	drain();
}

/* Thing @index was reported as @state once, and as its end no other. */
static void assert_reported(size_t index, enum slot_queue_state state, unsigned int actives)
{
	const unsigned int *reports = bed.things[index].reports;
	unsigned int ends = reports[SLOT_QUEUE_CANCELLED] + reports[SLOT_QUEUE_FAILED] +
			    reports[SLOT_QUEUE_REMOVED];

	assert_int_equal(reports[SLOT_QUEUE_ACTIVE], actives);
	assert_int_equal(ends, state != SLOT_QUEUE_ACTIVE);
	assert_true(reports[state] >= 1);
	assert_int_equal(state_of(index), state);
}

static void assert_calls(const char *wanted)
{
	char got[CALLS_MAX * 4] = "";
	size_t i;

	for (i = 0; i < bed.call_count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%c%zu", i ? " " : "",
			 bed.calls[i].what, bed.calls[i].count);
	assert_string_equal(got, wanted);
}

static void installs_what_is_added(void **state)
{
	(void)state;
	add(0);
	drain();
	assert_reported(0, SLOT_QUEUE_ACTIVE, 1);
	assert_true(bed.things[0].is_in);
	assert_int_equal(bed.things[0].answer.err, 0);
}

static void what_is_cancelled_while_pending_is_never_installed(void **state)
{
	(void)state;
	add_and_hold(0);
	add(1);
	assert_int_equal(state_of(1), SLOT_QUEUE_PENDING);
	cancel(1);
	release();
	assert_reported(1, SLOT_QUEUE_CANCELLED, 0);
	assert_calls("i1");
}

static void what_is_cancelled_while_installing_is_removed(void **state)
{
	(void)state;
	add_and_hold(0);
	assert_int_equal(state_of(0), SLOT_QUEUE_INSTALLING);
	cancel(0);
	release();
	assert_reported(0, SLOT_QUEUE_CANCELLED, 0);
	assert_false(bed.things[0].is_in);
	assert_calls("i1 r1");
}

static void what_is_cancelled_while_it_is_refused_is_cancelled(void **state)
{
	(void)state;
	bed.things[0].is_refused = true;
	add_and_hold(0);
	cancel(0);
	release();
	assert_reported(0, SLOT_QUEUE_CANCELLED, 0);
	assert_int_equal(bed.things[0].answer.err, 0);
	assert_calls("i1");
}

static void what_is_cancelled_while_active_is_removed(void **state)
{
	(void)state;
	add(0);
	drain();
	cancel(0);
	drain();
	assert_reported(0, SLOT_QUEUE_REMOVED, 1);
	assert_calls("i1 r1");
}

static void what_is_refused_has_failed_and_why(void **state)
{
	(void)state;
	bed.things[0].is_refused = true;
	add(0);
	drain();
	assert_reported(0, SLOT_QUEUE_FAILED, 0);
	assert_int_equal(bed.things[0].answer.err, -EIO);
	assert_string_equal(bed.things[0].answer.text, "no room in the device");
}

static void one_refused_of_several_fails_alone(void **state)
{
	(void)state;
	add_and_hold(0);
	bed.things[2].is_refused = true;
	add(1);
	add(2);
	add(3);
	release();
	assert_calls("i1 i3");
	assert_reported(1, SLOT_QUEUE_ACTIVE, 1);
	assert_reported(2, SLOT_QUEUE_FAILED, 0);
	assert_reported(3, SLOT_QUEUE_ACTIVE, 1);
	assert_int_equal(bed.things[3].answer.err, 0);
}

static void what_has_ended_may_be_added_again(void **state)
{
	(void)state;
	bed.things[0].is_refused = true;
	add(0);
	drain();
	bed.things[0].is_refused = false;
	add(0);
	drain();
	assert_int_equal(state_of(0), SLOT_QUEUE_ACTIVE);
	cancel(0);
	drain();
	add(0);
	drain();
	assert_int_equal(state_of(0), SLOT_QUEUE_ACTIVE);
}

static void what_cannot_be_removed_stays_active_and_may_be_cancelled_again(void **state)
{
	(void)state;
	add(0);
	drain();
	bed.things[0].is_stuck = true;
	cancel(0);
	drain();
	assert_reported(0, SLOT_QUEUE_ACTIVE, 2);
	assert_int_equal(bed.things[0].answer.err, -EBUSY);
	bed.things[0].is_stuck = false;
	cancel(0);
	drain();
	assert_reported(0, SLOT_QUEUE_REMOVED, 2);
}

static void what_was_cancelled_and_cannot_be_removed_is_active(void **state)
{
	struct slot_queue_stats stats;

	(void)state;
	bed.things[0].is_stuck = true;
	add_and_hold(0);
	cancel(0);
	release();
	assert_reported(0, SLOT_QUEUE_ACTIVE, 1);
	assert_int_equal(bed.things[0].answer.err, -EBUSY);
	bed.things[0].is_stuck = false;
	slot_queue_stats(bed.queue, &stats);
	assert_int_equal(stats.active, 1);
	cancel(0);
	drain();
	assert_reported(0, SLOT_QUEUE_REMOVED, 1);
}

static void nothing_is_cancelled_twice(void **state)
{
	struct slot_queue_request *request = &bed.things[0].request;

	(void)state;
	assert_int_equal(slot_queue_cancel(bed.queue, request), -EALREADY);
	add_and_hold(0);
	cancel(0);
	assert_int_equal(slot_queue_cancel(bed.queue, request), -EALREADY);
	add(1);
	cancel(1);
	assert_int_equal(slot_queue_cancel(bed.queue, &bed.things[1].request), -EALREADY);
	release();
	assert_int_equal(slot_queue_cancel(bed.queue, request), -EALREADY);
	add(0);
	drain();
	set_held(true);
	cancel(0);
	wait_inside();
	assert_int_equal(state_of(0), SLOT_QUEUE_REMOVING);
	assert_int_equal(slot_queue_cancel(bed.queue, request), -EALREADY);
	release();
	assert_int_equal(bed.things[0].reports[SLOT_QUEUE_REMOVED], 1);
}

static void nothing_is_added_twice(void **state)
{
	(void)state;
	add_and_hold(0);
	assert_int_equal(slot_queue_add(bed.queue, &bed.things[0].request), -EALREADY);
	add(1);
	assert_int_equal(slot_queue_add(bed.queue, &bed.things[1].request), -EALREADY);
	release();
	assert_int_equal(slot_queue_add(bed.queue, &bed.things[0].request), -EALREADY);
}

static void a_full_queue_says_so_and_what_is_cancelled_makes_room(void **state)
{
	struct slot_queue_stats stats;
	size_t i;

	(void)state;
	add_and_hold(0);
	for (i = 1; i <= PENDING_MAX; i++)
		add(i);
	assert_int_equal(slot_queue_add(bed.queue, &bed.things[i].request), -ENOSPC);
	assert_int_equal(state_of(i), SLOT_QUEUE_NONE);
	slot_queue_stats(bed.queue, &stats);
	assert_int_equal(stats.pending, PENDING_MAX);
	assert_int_equal(stats.refused, 1);
	cancel(4);
	add(i);
	release();
	slot_queue_stats(bed.queue, &stats);
	assert_int_equal(stats.pending, 0);
	assert_int_equal(stats.active, PENDING_MAX + 1);
	assert_int_equal(stats.cancelled, 1);
}

static void what_waits_goes_in_batches(void **state)
{
	size_t i;

	(void)state;
	add_and_hold(0);
	for (i = 1; i <= 7; i++)
		add(i);
	release();
	assert_calls("i1 i3 i3 i1");
}

static void removals_come_before_installations(void **state)
{
	(void)state;
	add(0);
	drain();
	add_and_hold(1);
	add(2);
	cancel(0);
	cancel(1);
	release();
	assert_calls("i1 i1 r2 i1");
	assert_reported(2, SLOT_QUEUE_ACTIVE, 1);
}

static void a_report_may_add_again(void **state)
{
	(void)state;
	bed.things[0].is_refused = true;
	bed.again = 10;
	add(0);
	drain();
	assert_int_equal(bed.things[0].reports[SLOT_QUEUE_FAILED], 11);
}

static void draining_ends_at_its_time(void **state)
{
	(void)state;
	add_and_hold(0);
	assert_int_equal(slot_queue_drain(bed.queue, 1), -ETIMEDOUT);
	release();
}

static void *free_in_thread(void *data)
{
	slot_queue_free(bed.queue);
	return data;
}

/* Meanwhile nothing more is taken: the sign that the other thread has come so far. */
static void wait_ending(size_t index)
{
	struct slot_queue_request *request = &bed.things[index].request;

	while (slot_queue_add(bed.queue, request) != -ESHUTDOWN)
		if (state_of(index) == SLOT_QUEUE_PENDING)
			slot_queue_cancel(bed.queue, request);
}

static void freeing_cancels_what_waits_and_completes_the_rest(void **state)
{
	pthread_t thread;

	(void)state;
	add(0);
	add(1);
	drain();
	add_and_hold(2);
	add(3);
	cancel(1);
	cancel(2);
	pthread_create(&thread, NULL, free_in_thread, NULL);
	wait_ending(9);
	set_held(false);
	pthread_join(thread, NULL);
	bed.queue = NULL;
	assert_int_equal(bed.things[0].reports[SLOT_QUEUE_ACTIVE], 1);
	assert_true(bed.things[0].is_in);
	assert_int_equal(bed.things[1].reports[SLOT_QUEUE_REMOVED], 1);
	assert_int_equal(bed.things[2].reports[SLOT_QUEUE_CANCELLED], 1);
	assert_int_equal(bed.things[3].reports[SLOT_QUEUE_CANCELLED], 1);
	assert_false(bed.things[1].is_in || bed.things[2].is_in || bed.things[3].is_in);
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
	add_and_hold(0);
	while (now_us() < since + 5000)
		;
	release();
	slot_queue_stats(bed.queue, &stats);
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
	const struct slot_queue_settings none = { 0, 1, &ops, NULL };
	const struct slot_queue_settings no_batch = { 1, 0, &ops, NULL };
	struct slot_queue *queue;

	(void)state;
	assert_int_equal(slot_queue_new(&none, &queue), -EINVAL);
	assert_int_equal(slot_queue_new(&no_batch, &queue), -EINVAL);
	slot_queue_free(NULL);
}

/* --- all at once --------------------------------------------------------------------------- */

#define THREADS 4
#define CROWD 64 /* requests of a thread */
#define STEPS 20000

struct crowd {
	uint64_t seed;
	size_t added;
	struct thing things[CROWD];
};

/* Whatever the state is, adding and cancelling are done, or refused for a reason. */
static void *make_steps(void *data)
{
	struct crowd *crowd = data;
	size_t i;

	for (i = 0; i < STEPS; i++) {
		struct thing *thing = &crowd->things[i * 31 % CROWD];
		int err;

		crowd->seed = crowd->seed * 6364136223846793005ULL + 1442695040888963407ULL;
		if (crowd->seed >> 63) {
			err = slot_queue_add(bed.queue, &thing->request);
			crowd->added += !err;
			if (err && err != -EALREADY && err != -ENOSPC)
				abort();
			if (err == -ENOSPC)
				sched_yield();
		} else {
			err = slot_queue_cancel(bed.queue, &thing->request);
			if (err && err != -EALREADY)
				abort();
		}
	}
	return NULL;
}

struct tally {
	size_t added;
	size_t ended;
	size_t active;
};

static void count_crowd(const struct crowd *crowd, struct tally *tally)
{
	size_t i;

	tally->added += crowd->added;
	for (i = 0; i < CROWD; i++) {
		const struct thing *thing = &crowd->things[i];
		bool is_active = thing->request.state == SLOT_QUEUE_ACTIVE;

		assert_int_equal(thing->is_in, is_active);
		tally->active += is_active;
		tally->ended += thing->reports[SLOT_QUEUE_CANCELLED] +
				thing->reports[SLOT_QUEUE_FAILED] +
				thing->reports[SLOT_QUEUE_REMOVED];
	}
}

static void whatever_threads_do_at_once_each_request_ends_once(void **state)
{
	struct crowd *crowds = calloc(THREADS, sizeof(*crowds));
	struct tally tally = { 0 };
	struct slot_queue_stats stats;
	pthread_t threads[THREADS];
	size_t i, j;

	(void)state;
	assert_non_null(crowds);
	for (i = 0; i < THREADS; i++) {
		crowds[i].seed = i;
		for (j = 0; j < CROWD; j += 5)
			crowds[i].things[j].is_refused = true;
		pthread_create(&threads[i], NULL, make_steps, &crowds[i]);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	drain();
	for (i = 0; i < THREADS; i++)
		count_crowd(&crowds[i], &tally);
	slot_queue_stats(bed.queue, &stats);
	assert_int_equal(tally.added, tally.ended + tally.active);
	assert_int_equal(stats.active, tally.active);
	assert_int_equal(stats.failed + stats.cancelled + stats.removed, tally.ended);
	assert_int_equal(stats.pending, 0);
	print_message("# %zu added, %llu installed, %llu cancelled, %llu removed, %llu failed\n",
		      tally.added, (unsigned long long)stats.installed,
		      (unsigned long long)stats.cancelled, (unsigned long long)stats.removed,
		      (unsigned long long)stats.failed);
	free(crowds);
}

#define ADD(fn) TAP_ADD(&plan, fn, start_bed, end_bed)

int main(void)
{
	struct tap_plan plan = { 0 };

	ADD(installs_what_is_added);
	ADD(what_is_cancelled_while_pending_is_never_installed);
	ADD(what_is_cancelled_while_installing_is_removed);
	ADD(what_is_cancelled_while_it_is_refused_is_cancelled);
	ADD(what_is_cancelled_while_active_is_removed);
	ADD(what_is_refused_has_failed_and_why);
	ADD(one_refused_of_several_fails_alone);
	ADD(what_has_ended_may_be_added_again);
	ADD(what_cannot_be_removed_stays_active_and_may_be_cancelled_again);
	ADD(what_was_cancelled_and_cannot_be_removed_is_active);
	ADD(nothing_is_cancelled_twice);
	ADD(nothing_is_added_twice);
	ADD(a_full_queue_says_so_and_what_is_cancelled_makes_room);
	ADD(what_waits_goes_in_batches);
	ADD(removals_come_before_installations);
	ADD(a_report_may_add_again);
	ADD(draining_ends_at_its_time);
	ADD(freeing_cancels_what_waits_and_completes_the_rest);
	ADD(latency_is_counted_from_adding_by_powers_of_two);
	ADD(refuses_settings_without_room);
	ADD(whatever_threads_do_at_once_each_request_ends_once);
	return tap_run(&plan, "offload_queue", 0);
}
