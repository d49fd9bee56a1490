/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/flower_request.h"

#include <errno.h>

#include "loader/lib/host/netlink.h"

typedef void carry_fn(const struct slot_flower_place *place,
		      const struct slot_flower_rule *const *rules, size_t count,
		      struct slot_answer *answers);

static const struct slot_flower_rule *rule_of(const struct slot_queue_request *request)
{
	return &((const struct slot_flower_request *)request)->rule;
}

/* As many at a time as one message holds. */
static void carry_out(const struct slot_flower_place *place,
		      struct slot_queue_request *const *requests, size_t count, carry_fn *carry,
		      struct slot_answer *answers)
{
	const struct slot_flower_rule *rules[SLOT_NETLINK_BATCH_MAX];
	size_t first;

	for (first = 0; first < count; first += SLOT_NETLINK_BATCH_MAX) {
		size_t i;

		for (i = 0; i < SLOT_NETLINK_BATCH_MAX && first + i < count; i++)
			rules[i] = rule_of(requests[first + i]);
		carry(place, rules, i, answers + first);
	}
}

/* What may be there counts as there: its owner has it until it is known to be gone. */
static void settle_lost(const struct slot_flower_place *place,
			const struct slot_flower_rule *const *rule, struct slot_answer *answer)
{
	struct slot_answer found;

	if (slot_flower_find(place, rule, 1, &found) != -ENOENT)
		*answer = (struct slot_answer){ 0 };
}

static void add_rules(const struct slot_flower_place *place,
		      const struct slot_flower_rule *const *rules, size_t count,
		      struct slot_answer *answers)
{
	size_t i;

	slot_flower_add(place, rules, count, answers);
	for (i = 0; i < count; i++)
		if (answers[i].err == -ENOBUFS)
			settle_lost(place, &rules[i], &answers[i]);
}

static void del_rules(const struct slot_flower_place *place,
		      const struct slot_flower_rule *const *rules, size_t count,
		      struct slot_answer *answers)
{
	size_t i;

	slot_flower_del(place, rules, count, answers);
	for (i = 0; i < count; i++)
		if (answers[i].err == -ENOENT || answers[i].err == -ENODEV)
			answers[i] = (struct slot_answer){ 0 };
}

void slot_flower_install(const struct slot_flower_place *place,
			 struct slot_queue_request *const *requests, size_t count,
			 struct slot_answer *ret_answers)
{
	carry_out(place, requests, count, add_rules, ret_answers);
}

void slot_flower_remove(const struct slot_flower_place *place,
			struct slot_queue_request *const *requests, size_t count,
			struct slot_answer *ret_answers)
{
	carry_out(place, requests, count, del_rules, ret_answers);
}
