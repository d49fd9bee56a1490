/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/flower_request.h"

#include <errno.h>

#include "loader/lib/host/clsact.h"
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

static void add_rules(const struct slot_flower_place *place,
		      const struct slot_flower_rule *const *rules, size_t count,
		      struct slot_answer *answers)
{
	size_t i;

	slot_flower_add(place, rules, count, answers);
	for (i = 0; i < count; i++) {
		struct slot_answer unused;

		if (answers[i].err == -ENOBUFS)
			slot_flower_del(place, &rules[i], 1, &unused);
	}
}

/* The kernel has one error for a qdisc that is gone and for much else. */
static bool is_gone(const struct slot_flower_place *place, int err)
{
	enum slot_qdisc qdisc;

	if (err == -EINVAL)
		return !slot_qdisc_find(place->ifindex, &qdisc) && qdisc == SLOT_QDISC_NONE;
	return err == -ENOENT || err == -ENODEV;
}

static void del_rules(const struct slot_flower_place *place,
		      const struct slot_flower_rule *const *rules, size_t count,
		      struct slot_answer *answers)
{
	size_t i;

	slot_flower_del(place, rules, count, answers);
	for (i = 0; i < count; i++)
		if (answers[i].err && is_gone(place, answers[i].err))
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
