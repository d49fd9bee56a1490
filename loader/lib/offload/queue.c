/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_US 1000ULL

TAILQ_HEAD(request_list, slot_queue_request);

struct slot_queue {
	struct slot_queue_settings settings;
	pthread_t thread;
	pthread_mutex_t lock; /* of everything below, and of each request in the queue */
	pthread_cond_t work;  /* there is something to do, or no more will come */
	pthread_cond_t idle;  /* there is nothing to do */
	bool is_busy;	      /* the thread carries something out, or reports it */
	bool is_ending;
	struct request_list pending;
	struct request_list removing;
	struct request_list cancelled; /* while PENDING, which they are until they are reported */
	struct slot_queue_stats stats;

	/* the thread's own, room for batch_max */
	struct slot_queue_request **batch;
	struct slot_answer *answers;
};

/* Moves a request to the state that is to be reported: NONE where it is to be removed first. */
typedef enum slot_queue_state end_fn(struct slot_queue *queue, struct slot_queue_request *request,
				     struct slot_answer *answer);

static void count_latency(struct slot_queue *queue, const struct slot_queue_request *request)
{
	__u64 us = (slot_clock_ns() - request->added_ns) / NS_PER_US;
	size_t bucket = us ? 64 - (size_t)__builtin_clzll(us) : 0;

	if (bucket >= SLOT_QUEUE_BUCKETS)
		bucket = SLOT_QUEUE_BUCKETS - 1;
	queue->stats.latency[bucket]++;
}

static void start_removing(struct slot_queue *queue, struct slot_queue_request *request)
{
	request->state = SLOT_QUEUE_REMOVING;
	TAILQ_INSERT_TAIL(&queue->removing, request, entry);
}

/* The next ones of @list as the batch, which is in @state from now on. */
static size_t take_batch(struct slot_queue *queue, struct request_list *list,
			 enum slot_queue_state state)
{
	struct slot_queue_request *request;
	size_t count = 0;

	while (count < queue->settings.batch_max && (request = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, request, entry);
		request->state = state;
		queue->answers[count] = (struct slot_answer){ 0 };
		queue->batch[count++] = request;
	}
	return count;
}

static enum slot_queue_state end_install(struct slot_queue *queue,
					 struct slot_queue_request *request,
					 struct slot_answer *answer)
{
	if (!answer->err && request->is_cancelled) {
		start_removing(queue, request);
		return SLOT_QUEUE_NONE;
	}
	if (!answer->err) {
		request->state = SLOT_QUEUE_ACTIVE;
		queue->stats.installed++;
		queue->stats.active++;
		count_latency(queue, request);
	} else if (request->is_cancelled) {
		request->state = SLOT_QUEUE_CANCELLED;
		queue->stats.cancelled++;
		*answer = (struct slot_answer){ 0 };
	} else {
		request->state = SLOT_QUEUE_FAILED;
		queue->stats.failed++;
	}
	return request->state;
}

/* One that was cancelled before it was ACTIVE is that now if it cannot be removed. */
static enum slot_queue_state
end_remove(struct slot_queue *queue, struct slot_queue_request *request, struct slot_answer *answer)
{
	if (answer->err) {
		request->state = SLOT_QUEUE_ACTIVE;
		request->is_cancelled = false;
		queue->stats.not_removed++;
		queue->stats.active++;
	} else if (request->is_cancelled) {
		request->state = SLOT_QUEUE_CANCELLED;
		queue->stats.cancelled++;
	} else {
		request->state = SLOT_QUEUE_REMOVED;
		queue->stats.removed++;
	}
	return request->state;
}

static enum slot_queue_state end_pending(struct slot_queue *queue,
					 struct slot_queue_request *request,
					 struct slot_answer *answer)
{
	(void)answer;
	request->state = SLOT_QUEUE_CANCELLED;
	queue->stats.cancelled++;
	return request->state;
}

/*
 * Without the lock. Each request gets its state right before it is reported, so that until then
 * it can be cancelled, and cannot be added again.
 */
static void end_batch(struct slot_queue *queue, size_t count, end_fn *end)
{
	const struct slot_queue_settings *settings = &queue->settings;
	size_t i;

	for (i = 0; i < count; i++) {
		struct slot_queue_request *request = queue->batch[i];
		struct slot_answer *answer = &queue->answers[i];
		enum slot_queue_state state;

		pthread_mutex_lock(&queue->lock);
		state = end(queue, request, answer);
		pthread_mutex_unlock(&queue->lock);
		if (state != SLOT_QUEUE_NONE)
			settings->ops->report(settings->context, request, state, answer);
	}
}

/* With the lock, as its kin below, and without it where somebody else's code is run. */
static void run_removals(struct slot_queue *queue)
{
	const struct slot_queue_settings *settings = &queue->settings;
	size_t count = take_batch(queue, &queue->removing, SLOT_QUEUE_REMOVING);

	pthread_mutex_unlock(&queue->lock);
	settings->ops->remove(settings->context, queue->batch, count, queue->answers);
	end_batch(queue, count, end_remove);
	pthread_mutex_lock(&queue->lock);
}

static void run_installs(struct slot_queue *queue)
{
	const struct slot_queue_settings *settings = &queue->settings;
	size_t count = take_batch(queue, &queue->pending, SLOT_QUEUE_INSTALLING);

	queue->stats.pending -= count;
	pthread_mutex_unlock(&queue->lock);
	settings->ops->install(settings->context, queue->batch, count, queue->answers);
	end_batch(queue, count, end_install);
	pthread_mutex_lock(&queue->lock);
}

static void run_cancelled(struct slot_queue *queue)
{
	size_t count = take_batch(queue, &queue->cancelled, SLOT_QUEUE_PENDING);

	pthread_mutex_unlock(&queue->lock);
	end_batch(queue, count, end_pending);
	pthread_mutex_lock(&queue->lock);
}

/* Returns whether there was anything to do. */
static bool run_next(struct slot_queue *queue)
{
	if (!TAILQ_EMPTY(&queue->removing))
		run_removals(queue);
	else if (!TAILQ_EMPTY(&queue->cancelled))
		run_cancelled(queue);
	else if (!TAILQ_EMPTY(&queue->pending))
		run_installs(queue);
	else
		return false;
	return true;
}

static void *run_queue(void *data)
{
	struct slot_queue *queue = data;

	pthread_mutex_lock(&queue->lock);
	for (;;) {
		queue->is_busy = true;
		if (run_next(queue))
			continue;
		queue->is_busy = false;
		pthread_cond_broadcast(&queue->idle);
		if (queue->is_ending)
			break;
		pthread_cond_wait(&queue->work, &queue->lock);
	}
	pthread_mutex_unlock(&queue->lock);
	return NULL;
}

static void free_queue(struct slot_queue **at)
{
	struct slot_queue *queue = *at;

	if (!queue)
		return;
	pthread_cond_destroy(&queue->idle);
	pthread_cond_destroy(&queue->work);
	pthread_mutex_destroy(&queue->lock);
	free(queue->answers);
	free(queue->batch);
	free(queue);
}

static void init_sync(struct slot_queue *queue)
{
	pthread_condattr_t clock;

	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->work, NULL);
	pthread_cond_init(&queue->idle, &clock);
	pthread_condattr_destroy(&clock);
}

/* Signals are for the threads that the program has anyway. */
static int start_thread(struct slot_queue *queue)
{
	sigset_t all;
	sigset_t before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&queue->thread, NULL, run_queue, queue);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int slot_queue_new(const struct slot_queue_settings *settings, struct slot_queue **ret_queue)
{
	_cleanup_(free_queue) struct slot_queue *queue = NULL;
	int err;

	if (!settings->pending_max || !settings->batch_max)
		return -EINVAL;
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	init_sync(queue);
	queue->settings = *settings;
	TAILQ_INIT(&queue->pending);
	TAILQ_INIT(&queue->removing);
	TAILQ_INIT(&queue->cancelled);
	queue->batch = calloc(settings->batch_max, sizeof(struct slot_queue_request *));
	queue->answers = calloc(settings->batch_max, sizeof(*queue->answers));
	if (!queue->batch || !queue->answers)
		return -ENOMEM;
	err = start_thread(queue);
	if (!err)
		*ret_queue = TAKE_PTR(queue);
	return err;
}

static void cancel_pending(struct slot_queue *queue, struct slot_queue_request *request)
{
	TAILQ_REMOVE(&queue->pending, request, entry);
	TAILQ_INSERT_TAIL(&queue->cancelled, request, entry);
	request->is_cancelled = true;
	queue->stats.pending--;
}

void slot_queue_free(struct slot_queue *queue)
{
	struct slot_queue_request *request;

	if (!queue)
		return;
	pthread_mutex_lock(&queue->lock);
	queue->is_ending = true;
	while ((request = TAILQ_FIRST(&queue->pending)))
		cancel_pending(queue, request);
	pthread_cond_signal(&queue->work);
	pthread_mutex_unlock(&queue->lock);
	pthread_join(queue->thread, NULL);
	free_queue(&queue);
}

static bool is_queued(const struct slot_queue_request *request)
{
	return request->state >= SLOT_QUEUE_PENDING && request->state <= SLOT_QUEUE_REMOVING;
}

static int check_new(const struct slot_queue *queue, const struct slot_queue_request *request)
{
	if (queue->is_ending)
		return -ESHUTDOWN;
	return is_queued(request) ? -EALREADY : 0;
}

int slot_queue_adopt(struct slot_queue *queue, struct slot_queue_request *request)
{
	int err;

	pthread_mutex_lock(&queue->lock);
	err = check_new(queue, request);
	if (!err) {
		request->state = SLOT_QUEUE_ACTIVE;
		request->is_cancelled = false;
		queue->stats.active++;
	}
	pthread_mutex_unlock(&queue->lock);
	return err;
}

int slot_queue_add(struct slot_queue *queue, struct slot_queue_request *request)
{
	int err;

	pthread_mutex_lock(&queue->lock);
	err = check_new(queue, request);
	if (!err && queue->stats.pending >= queue->settings.pending_max)
		err = -ENOSPC;
	if (!err) {
		request->state = SLOT_QUEUE_PENDING;
		request->is_cancelled = false;
		request->added_ns = slot_clock_ns();
		TAILQ_INSERT_TAIL(&queue->pending, request, entry);
		queue->stats.pending++;
		pthread_cond_signal(&queue->work);
	}
	pthread_mutex_unlock(&queue->lock);
	return err;
}

int slot_queue_cancel(struct slot_queue *queue, struct slot_queue_request *request)
{
	int err = 0;

	pthread_mutex_lock(&queue->lock);
	if (request->state == SLOT_QUEUE_PENDING && !request->is_cancelled) {
		cancel_pending(queue, request);
	} else if (request->state == SLOT_QUEUE_INSTALLING && !request->is_cancelled) {
		request->is_cancelled = true;
	} else if (request->state == SLOT_QUEUE_ACTIVE) {
		queue->stats.active--;
		start_removing(queue, request);
	} else {
		err = -EALREADY;
	}
	pthread_cond_signal(&queue->work);
	pthread_mutex_unlock(&queue->lock);
	return err;
}

enum slot_queue_state slot_queue_state(struct slot_queue *queue,
				       const struct slot_queue_request *request)
{
	enum slot_queue_state state;

	pthread_mutex_lock(&queue->lock);
	state = request->state;
	pthread_mutex_unlock(&queue->lock);
	return state;
}

static bool is_idle(const struct slot_queue *queue)
{
	return !queue->is_busy && TAILQ_EMPTY(&queue->pending) && TAILQ_EMPTY(&queue->removing) &&
	       TAILQ_EMPTY(&queue->cancelled);
}

int slot_queue_drain(struct slot_queue *queue, unsigned int timeout_ms)
{
	__u64 deadline = slot_clock_ns() + timeout_ms * NS_PER_MS;
	const struct timespec at = {
		.tv_sec = (time_t)(deadline / NS_PER_S),
		.tv_nsec = (long)(deadline % NS_PER_S),
	};
	int err = 0;

	pthread_mutex_lock(&queue->lock);
	while (!is_idle(queue) && !err)
		err = -pthread_cond_timedwait(&queue->idle, &queue->lock, &at);
	pthread_mutex_unlock(&queue->lock);
	return err;
}

void slot_queue_stats(struct slot_queue *queue, struct slot_queue_stats *ret_stats)
{
	pthread_mutex_lock(&queue->lock);
	*ret_stats = queue->stats;
	pthread_mutex_unlock(&queue->lock);
}
