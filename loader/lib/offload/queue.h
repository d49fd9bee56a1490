/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bounded queue of things to install, a rule of a device for one, and a thread that
 * installs and removes them, so that whoever asks does not wait for a driver.
 *
 *	add --> PENDING --> INSTALLING --> ACTIVE --> REMOVING --> REMOVED
 *	           |            |  |                     |
 *	       CANCELLED   FAILED  CANCELLED          ACTIVE (it could not be removed)
 *
 * What is cancelled while PENDING is never installed; while INSTALLING it is removed as soon
 * as it is installed, and so ends as CANCELLED, too; while ACTIVE it is removed. All states are
 * under one lock, so each cancel meets one of them. Removals come before installations.
 *
 * What is there already, from before the queue, is adopted: ACTIVE at once.
 *
 * A request is part of its owner's struct. It belongs to the queue from slot_queue_add on,
 * until it is reported as CANCELLED, FAILED or REMOVED; then the queue does not touch it again.
 */
#ifndef SLOT_QUEUE_H
#define SLOT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <linux/types.h>

#include "loader/lib/base/answer.h"

enum slot_queue_state {
	SLOT_QUEUE_NONE, /* not added yet: what a zeroed request is */
	SLOT_QUEUE_PENDING,
	SLOT_QUEUE_INSTALLING,
	SLOT_QUEUE_ACTIVE,
	SLOT_QUEUE_REMOVING,
	SLOT_QUEUE_CANCELLED,
	SLOT_QUEUE_FAILED,
	SLOT_QUEUE_REMOVED,
	SLOT_QUEUE_STATE_COUNT,
};

/* The queue's own; zeroed before the first slot_queue_add. */
struct slot_queue_request {
	TAILQ_ENTRY(slot_queue_request) entry;
	enum slot_queue_state state;
	bool is_cancelled; /* before it was ACTIVE */
	__u64 added_ns;
};

/*
 * What the requests are made of. All of it is called by the queue's thread, one call at a
 * time, without the lock: it may add and cancel. That thread is in the netns, and has the
 * capabilities, of the one that called slot_queue_new; it takes no signals.
 */
struct slot_queue_ops {
	/* Carry out @count requests; @ret_answers, zeroed, gets what failed and why. */
	void (*install)(void *context, struct slot_queue_request *const *requests, size_t count,
			struct slot_answer *ret_answers);
	void (*remove)(void *context, struct slot_queue_request *const *requests, size_t count,
		       struct slot_answer *ret_answers);
	/*
	 * Something became of @request: it is ACTIVE, with an error if it could not be
	 * removed and may be cancelled again, or FAILED, CANCELLED or REMOVED, and its owner's
	 * again. Whatever is added is reported as one of these three once, at the end.
	 */
	void (*report)(void *context, struct slot_queue_request *request,
		       enum slot_queue_state state, const struct slot_answer *answer);
};

struct slot_queue_settings {
	size_t pending_max; /* from 1 */
	size_t batch_max;   /* from 1: the most requests of one call of an operation */
	const struct slot_queue_ops *ops;
	void *context;
};

/* How many microseconds a time is, by powers of two: bucket n below 2^n, the last all others. */
#define SLOT_QUEUE_BUCKETS 26

struct slot_queue_stats {
	__u64 installed;
	__u64 failed;	 /* not installed */
	__u64 cancelled; /* before they were ACTIVE */
	__u64 removed;
	__u64 not_removed;
	__u64 pending; /* now */
	__u64 active;  /* now: installed or adopted, and neither removed nor cancelled in between */
	/* from slot_queue_add to the answer, of those that were installed */
	__u64 latency[SLOT_QUEUE_BUCKETS];
};

struct slot_queue;

/*
 * slot_queue_new - a queue and its thread. @settings is copied, ops and context are not.
 * Returns 0, -ENOMEM, -EINVAL for settings below 1, or -errno. @ret_queue: slot_queue_free.
 */
int slot_queue_new(const struct slot_queue_settings *settings, struct slot_queue **ret_queue);

/*
 * slot_queue_free - take nothing more, cancel what is PENDING, carry out what is
 * INSTALLING or REMOVING, report all of it, end the thread and free the queue. What is ACTIVE is
 * left so, and its requests are their owners' again. Not from an operation. NULL is fine.
 */
void slot_queue_free(struct slot_queue *queue);

/*
 * slot_queue_add - have @request installed. Returns 0, -ENOSPC where @pending_max are
 * waiting, -EALREADY for one that is in the queue, -ESHUTDOWN in slot_queue_free. Any thread.
 */
int slot_queue_add(struct slot_queue *queue, struct slot_queue_request *request);

/*
 * slot_queue_adopt - have @request as one that was installed before: it is ACTIVE now, which is not
 * reported, nor counted as installed, and may be cancelled. Returns 0, -EALREADY for one that is
 * in the queue, -ESHUTDOWN in slot_queue_free. Any thread.
 */
int slot_queue_adopt(struct slot_queue *queue, struct slot_queue_request *request);

/*
 * slot_queue_cancel - have @request not installed, or removed. It is reported at its end, as
 * without the call. Returns 0, or -EALREADY where it is cancelled or at its end. Any thread, as
 * long as the memory is there: whoever frees it in its report keeps the other threads from here.
 */
int slot_queue_cancel(struct slot_queue *queue, struct slot_queue_request *request);

/* slot_queue_state - of @request, as of now. Any thread, as slot_queue_cancel. */
enum slot_queue_state slot_queue_state(struct slot_queue *queue,
				       const struct slot_queue_request *request);

/*
 * slot_queue_drain - wait until nothing is left to install, remove or report. Returns 0, or
 * -ETIMEDOUT after @timeout_ms. Not from an operation.
 */
int slot_queue_drain(struct slot_queue *queue, unsigned int timeout_ms);

/* slot_queue_stats - counts since slot_queue_new. Any thread. */
void slot_queue_stats(struct slot_queue *queue, struct slot_queue_stats *ret_stats);

#endif
