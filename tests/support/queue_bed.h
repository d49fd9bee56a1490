/* SPDX-License-Identifier: GPL-2.0-only */
/* A queue of offloads (loader/lib/offload/queue.h) with operations that can be held in their middle. */
#ifndef TEST_QUEUE_BED_H
#define TEST_QUEUE_BED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/offload/queue.h"

#define QUEUE_BED_DEADLINE_S 20
#define QUEUE_BED_THINGS 12
#define QUEUE_BED_PENDING_MAX 8
#define QUEUE_BED_BATCH_MAX 3

struct queue_thing {
	struct slot_queue_request request; /* first */
	bool is_in;			   /* as the "device" has it */
	bool is_refused;		   /* it does not take it */
	bool is_stuck;			   /* it does not let go of it */
	unsigned int reports[SLOT_QUEUE_STATE_COUNT];
	struct slot_answer answer; /* of the latest report */
};

struct queue_bed {
	struct slot_queue *queue;
	struct queue_thing things[QUEUE_BED_THINGS];
	unsigned int again; /* how often the report of an end adds once more */

	/* the bed's own */
	pthread_mutex_t lock; /* of the rest, and of things but for their requests */
	pthread_cond_t changed;
	bool is_held; /* whoever begins an operation stays in it */
	size_t inside;
	char calls[256]; /* of operations: "i3 r1" */
	size_t wrong;	 /* installed twice, removed twice, reported as what it is not */
};

extern struct queue_bed queue_bed;

/* queue_bed_start, queue_bed_end - for a case: a new queue; no wrong call was made. */
int queue_bed_start(void **state);
int queue_bed_end(void **state);

/* queue_bed_add, queue_bed_cancel - thing @index, which must succeed. */
void queue_bed_add(size_t index);
void queue_bed_cancel(size_t index);

enum slot_queue_state queue_bed_state(size_t index);

/* queue_bed_drain - wait until the queue has nothing to do. */
void queue_bed_drain(void);

/* queue_bed_hold - from now on the queue's thread stays in the next operation that it begins. */
void queue_bed_hold(void);

/* queue_bed_wait_inside - until it is in one. */
void queue_bed_wait_inside(void);

/* queue_bed_add_and_hold - add thing @index, and hold the operation that installs it. */
void queue_bed_add_and_hold(size_t index);

/* queue_bed_let_go - of whoever is held; queue_bed_release - and wait for the queue as well. */
void queue_bed_let_go(void);
void queue_bed_release(void);

/* Asserts that thing @index was reported @actives times as ACTIVE, once as @state, and as no other end. */
void queue_bed_assert_reported(size_t index, enum slot_queue_state state, unsigned int actives);

/* Asserts which operations were called, and with how many: "i3 r1". */
void queue_bed_assert_calls(const char *wanted);

#endif
