/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/queue_bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/tap.h"

#define DRAIN_MS (QUEUE_BED_DEADLINE_S * 1000)

struct queue_bed queue_bed;

static struct queue_thing *thing_of(struct slot_queue_request *request)
{
	return (struct queue_thing *)request;
}

static void wait_changed(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += QUEUE_BED_DEADLINE_S;
	if (pthread_cond_timedwait(&queue_bed.changed, &queue_bed.lock, &until)) {
		fprintf(stderr, "nothing has changed for %d s\n", QUEUE_BED_DEADLINE_S);
		abort();
	}
}

static void enter_call(char what, size_t count)
{
	size_t len;

	pthread_mutex_lock(&queue_bed.lock);
	len = strlen(queue_bed.calls);
	snprintf(queue_bed.calls + len, sizeof(queue_bed.calls) - len, "%s%c%zu", len ? " " : "",
		 what, count);
	queue_bed.inside++;
	pthread_cond_broadcast(&queue_bed.changed);
	while (queue_bed.is_held)
		wait_changed();
	queue_bed.inside--;
}

static void install_things(void *context, struct slot_queue_request *const *requests, size_t count,
			   struct slot_answer *ret_answers)
{
	size_t i;

	(void)context;
	enter_call('i', count);
	for (i = 0; i < count; i++) {
		struct queue_thing *thing = thing_of(requests[i]);

		queue_bed.wrong += thing->is_in;
		if (thing->is_refused)
			ret_answers[i] = (struct slot_answer){ -EIO, "no room in the device" };
		else
			thing->is_in = true;
	}
	pthread_mutex_unlock(&queue_bed.lock);
}

static void remove_things(void *context, struct slot_queue_request *const *requests, size_t count,
			  struct slot_answer *ret_answers)
{
	size_t i;

	(void)context;
	enter_call('r', count);
	for (i = 0; i < count; i++) {
		struct queue_thing *thing = thing_of(requests[i]);

		queue_bed.wrong += !thing->is_in;
		if (thing->is_stuck)
			ret_answers[i] = (struct slot_answer){ -EBUSY, "the device is busy" };
		else
			thing->is_in = false;
	}
	pthread_mutex_unlock(&queue_bed.lock);
}

static void report_thing(void *context, struct slot_queue_request *request,
			 enum slot_queue_state state, const struct slot_answer *answer)
{
	struct queue_thing *thing = thing_of(request);
	bool is_again;

	(void)context;
	pthread_mutex_lock(&queue_bed.lock);
	thing->reports[state]++;
	thing->answer = *answer;
	queue_bed.wrong += (state == SLOT_QUEUE_ACTIVE) != thing->is_in;
	is_again = state != SLOT_QUEUE_ACTIVE && queue_bed.again && queue_bed.again--;
	pthread_cond_broadcast(&queue_bed.changed);
	pthread_mutex_unlock(&queue_bed.lock);
	if (is_again && slot_queue_add(queue_bed.queue, request))
		abort();
}

static const struct slot_queue_ops ops = { install_things, remove_things, report_thing };

int queue_bed_start(void **state)
{
	const struct slot_queue_settings settings = { QUEUE_BED_PENDING_MAX, QUEUE_BED_BATCH_MAX,
						      &ops, NULL };

	(void)state;
	memset(&queue_bed, 0, sizeof(queue_bed));
	pthread_mutex_init(&queue_bed.lock, NULL);
	pthread_cond_init(&queue_bed.changed, NULL);
	assert_int_equal(slot_queue_new(&settings, &queue_bed.queue), 0);
	return 0;
}

static void set_held(bool is_held)
{
	pthread_mutex_lock(&queue_bed.lock);
	queue_bed.is_held = is_held;
	pthread_cond_broadcast(&queue_bed.changed);
	pthread_mutex_unlock(&queue_bed.lock);
}

void queue_bed_hold(void)
{
	set_held(true);
}

void queue_bed_let_go(void)
{
	set_held(false);
}

int queue_bed_end(void **state)
{
	(void)state;
	set_held(false);
	slot_queue_free(queue_bed.queue);
	assert_int_equal(queue_bed.wrong, 0);
	pthread_cond_destroy(&queue_bed.changed);
	pthread_mutex_destroy(&queue_bed.lock);
	return 0;
}

void queue_bed_add(size_t index)
{
	assert_int_equal(slot_queue_add(queue_bed.queue, &queue_bed.things[index].request), 0);
}

void queue_bed_cancel(size_t index)
{
	assert_int_equal(slot_queue_cancel(queue_bed.queue, &queue_bed.things[index].request), 0);
}

enum slot_queue_state queue_bed_state(size_t index)
{
	return slot_queue_state(queue_bed.queue, &queue_bed.things[index].request);
}

void queue_bed_drain(void)
{
	assert_int_equal(slot_queue_drain(queue_bed.queue, DRAIN_MS), 0);
}

/* Until the queue's thread is in an operation, and stays there. */
void queue_bed_wait_inside(void)
{
	pthread_mutex_lock(&queue_bed.lock);
	while (!queue_bed.inside)
		wait_changed();
	pthread_mutex_unlock(&queue_bed.lock);
}

void queue_bed_add_and_hold(size_t index)
{
	set_held(true);
	queue_bed_add(index);
	queue_bed_wait_inside();
}

void queue_bed_release(void)
{
	set_held(false);
	queue_bed_drain();
}

/* Thing @index was reported as @state once, and as its end no other. */
void queue_bed_assert_reported(size_t index, enum slot_queue_state state, unsigned int actives)
{
	const unsigned int *reports = queue_bed.things[index].reports;
	unsigned int ends = reports[SLOT_QUEUE_CANCELLED] + reports[SLOT_QUEUE_FAILED] +
			    reports[SLOT_QUEUE_REMOVED];

	assert_int_equal(reports[SLOT_QUEUE_ACTIVE], actives);
	assert_int_equal(ends, state != SLOT_QUEUE_ACTIVE);
	assert_true(reports[state] >= 1);
	assert_int_equal(queue_bed_state(index), state);
}

void queue_bed_assert_calls(const char *wanted)
{
	assert_string_equal(queue_bed.calls, wanted);
}
