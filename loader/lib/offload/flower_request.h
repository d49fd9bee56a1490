/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules of flower as requests of a queue. */
#ifndef SLOT_FLOWER_REQUEST_H
#define SLOT_FLOWER_REQUEST_H

#include "loader/lib/offload/flower.h"
#include "loader/lib/offload/queue.h"

struct slot_flower_request {
	struct slot_queue_request request; /* first */
	struct slot_flower_rule rule;	   /* not changed while it is the queue's */
	/* What the queue reported and nobody took yet (device.h); under the reports' lock. */
	TAILQ_ENTRY(slot_flower_request) report;
	bool is_reported;
	enum slot_queue_state reported;
	int error;
};

TAILQ_HEAD(slot_flower_reports, slot_flower_request);

/*
 * slot_flower_install - add the rules of @requests, each part of a slot_flower_request, to
 * @place: the operation `install` of a queue (queue.h), but for its context. What failed is not
 * there. A rule whose answer was lost is looked for, and counts as there unless it is known
 * not to be.
 */
void slot_flower_install(const struct slot_flower_place *place,
			 struct slot_queue_request *const *requests, size_t count,
			 struct slot_answer *ret_answers);

/*
 * slot_flower_remove - the same for `remove`. A rule that is gone already, by whose hand
 * ever, or with its qdisc or its device, is removed; what has its handle now stays.
 */
void slot_flower_remove(const struct slot_flower_place *place,
			struct slot_queue_request *const *requests, size_t count,
			struct slot_answer *ret_answers);

#endif
