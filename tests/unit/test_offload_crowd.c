/* SPDX-License-Identifier: GPL-2.0-only */
/* The queue of offloads under threads that add and cancel all at once. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "tests/support/queue_bed.h"
#include "tests/support/tap.h"

#define THREADS 4
#define CROWD 64 /* requests of a thread */
#define STEPS 20000

struct crowd {
	uint64_t seed;
	size_t added;
	struct queue_thing things[CROWD];
};

/* Whatever the state is, adding and cancelling are done, or refused for a reason. */
static void *make_steps(void *data)
{
	struct crowd *crowd = data;
	size_t i;

	for (i = 0; i < STEPS; i++) {
		struct queue_thing *thing = &crowd->things[i * 31 % CROWD];
		int err;

		crowd->seed = crowd->seed * 6364136223846793005ULL + 1442695040888963407ULL;
		if (crowd->seed >> 63) {
			err = slot_queue_add(queue_bed.queue, &thing->request);
			crowd->added += !err;
			if (err && err != -EALREADY && err != -ENOSPC)
				abort();
			if (err == -ENOSPC)
				sched_yield();
		} else {
			err = slot_queue_cancel(queue_bed.queue, &thing->request);
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
		const struct queue_thing *thing = &crowd->things[i];
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
	queue_bed_drain();
	for (i = 0; i < THREADS; i++)
		count_crowd(&crowds[i], &tally);
	slot_queue_stats(queue_bed.queue, &stats);
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

/* Each as soon as it is there. */
static void *cancel_each(void *data)
{
	struct crowd *crowd = data;
	size_t i;

	for (i = 0; i < CROWD; i++)
		while (slot_queue_cancel(queue_bed.queue, &crowd->things[i].request))
			sched_yield();
	return NULL;
}

static void what_one_thread_adopts_another_cancels(void **state)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	struct slot_queue_stats stats;
	pthread_t thread;
	size_t i;

	(void)state;
	assert_non_null(crowd);
	for (i = 0; i < CROWD; i++)
		crowd->things[i].is_in = true;
	pthread_create(&thread, NULL, cancel_each, crowd);
	for (i = 0; i < CROWD; i++)
		if (slot_queue_adopt(queue_bed.queue, &crowd->things[i].request))
			abort();
	pthread_join(thread, NULL);
	queue_bed_drain();
	for (i = 0; i < CROWD; i++) {
		assert_false(crowd->things[i].is_in);
		assert_int_equal(crowd->things[i].reports[SLOT_QUEUE_REMOVED], 1);
		assert_int_equal(crowd->things[i].reports[SLOT_QUEUE_ACTIVE], 0);
	}
	slot_queue_stats(queue_bed.queue, &stats);
	assert_int_equal(stats.removed, CROWD);
	assert_int_equal(stats.installed + stats.active, 0);
	free(crowd);
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD(&plan, whatever_threads_do_at_once_each_request_ends_once, queue_bed_start,
		queue_bed_end);
	TAP_ADD(&plan, what_one_thread_adopts_another_cancels, queue_bed_start, queue_bed_end);
	return tap_run(&plan, "offload_crowd", 0);
}
